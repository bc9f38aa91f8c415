//! The database witness: triggers on the span table that write each attempt to the server's log, and
//! the reader of that log.
//!
//! A rollback does not remove log lines, and the service can't notice them. Sequences as counters
//! would change `lastval()` in the service's session.

use crate::identifier::{self, TableName};
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use std::time::Duration;

use tokio::sync::Mutex;

use super::Error;
use crate::observation::{Failure, Witness};
use spanproof_lease::wait::{self, Attempt};
use spanproof_postgres::{Database, LogEntry, Server};

/// Prefix of the log lines of the triggers.
const PREFIX: &str = "spanproof witness: ";
/// Time in which the service's sessions must end after it stopped.
const SESSIONS_END: Duration = Duration::from_secs(2);
/// Maximum number of failures in the evidence.
const MAX_FAILURES: usize = 50;

/// Creates the triggers on `{table}`. Row triggers run in the order of their names: `!` makes one run
/// before the user's triggers, `~` after them. The role that fires a trigger needs no privilege on
/// its function.
const TRIGGERS: &str = r#"
create schema spanproof_witness;
create function spanproof_witness.log_attempt() returns trigger language plpgsql as $$
begin
    raise log 'spanproof witness: %', tg_argv[0];
    return new;
end $$;
create trigger "!spanproof_begun" before insert on {table}
    for each statement execute function spanproof_witness.log_attempt('begun');
create trigger "!spanproof_tried" before insert on {table}
    for each row execute function spanproof_witness.log_attempt('tried');
create trigger "~spanproof_written" after insert on {table}
    for each row execute function spanproof_witness.log_attempt('written');
create trigger "~spanproof_removed" after delete on {table}
    for each row execute function spanproof_witness.log_attempt('removed');
create trigger "~spanproof_emptied" after truncate on {table}
    for each statement execute function spanproof_witness.log_attempt('removed');
"#;

/// Selects the other schemas that have a table with the span table's name.
const OTHER_SCHEMAS: &str = r"
select n.nspname::text
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and c.relname = $2 and c.oid is distinct from to_regclass($1)
    and n.nspname not in ('pg_catalog', 'information_schema')
order by 1";

/// Creates the triggers. Does nothing if the span table does not exist.
pub(super) async fn install_triggers(
    connection: &mut PgConnection,
    table: &str,
) -> Result<(), Error> {
    let failed = |error: sqlx::Error| Error::Witness(error.into());
    let exists: bool = sqlx::query_scalar("select to_regclass($1) is not null")
        .bind(identifier::table(table))
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    if exists {
        let sql = TRIGGERS.replace("{table}", &identifier::table(table));
        connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map_err(failed)?;
    }
    Ok(())
}

/// Reads what the server logged about a database; `None` if its log can't be read.
pub(super) async fn read(
    server: &Server,
    database: &Database,
    connection: &mut PgConnection,
    table: &str,
) -> Result<Option<Witness>, Error> {
    let Some(entries) = server.log(database).await? else { return Ok(None) };
    let mut witness = from_log(&entries);
    witness.rollbacks = rollbacks(connection).await?;
    witness.other_tables = other_tables(connection, table).await?;
    Ok(Some(witness))
}

/// Returns the number of transactions of the database that were rolled back. A session counts its own
/// at its end, so the end of the service's sessions is awaited; `None` if they do not end.
async fn rollbacks(connection: &mut PgConnection) -> Result<Option<u64>, Error> {
    let others = "select count(*) from pg_stat_activity where datname = current_database() \
                  and backend_type = 'client backend' and pid <> pg_backend_pid()";
    let connection = Mutex::new(connection);
    let ended = wait::until("the end of the service's sessions", SESSIONS_END, || async {
        let connection = &mut **connection.lock().await;
        match sqlx::query_scalar::<_, i64>(others).fetch_one(connection).await {
            Ok(0) => Attempt::Done(()),
            _ => Attempt::NotYet(String::new()),
        }
    })
    .await;
    if ended.is_err() {
        return Ok(None);
    }
    let count = "select xact_rollback from pg_stat_database where datname = current_database()";
    let count: i64 = sqlx::query_scalar(count)
        .fetch_one(connection.into_inner())
        .await
        .map_err(|error| Error::Witness(error.into()))?;
    Ok(Some(count.unsigned_abs()))
}

/// Returns the tables of the span table's name in other schemas that have rows, each with their
/// number.
pub(super) async fn other_tables(
    connection: &mut PgConnection,
    table: &str,
) -> Result<Vec<(String, u64)>, Error> {
    let mut others = Vec::new();
    let (_, name) = identifier::parts(table);
    let failed = |error: sqlx::Error| Error::Witness(error.into());
    let schemas: Vec<String> = sqlx::query_scalar(OTHER_SCHEMAS)
        .bind(identifier::table(table))
        .bind(&name)
        .fetch_all(&mut *connection)
        .await
        .map_err(failed)?;
    for schema in schemas {
        let sql = format!("select count(*) from {}", identifier::in_schema(&schema, &name));
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut *connection)
            .await
            .map_err(failed)?;
        if rows > 0 {
            let table = TableName { schema: Some(schema), name: name.clone() };
            others.push((table.to_string(), rows.unsigned_abs()));
        }
    }
    Ok(others)
}

/// Returns the errors that the server logged about a database; `None` if its log can't be read.
pub(super) async fn server_errors(
    server: &Server,
    database: &Database,
) -> Result<Option<Vec<Failure>>, Error> {
    let entries = server.log(database).await?;
    Ok(entries.map(|entries| from_log(&entries).failures))
}

/// Counts the lines of the triggers and collects the failures.
fn from_log(entries: &[LogEntry]) -> Witness {
    let count = |event: &str| {
        let is_event = |entry: &&LogEntry| entry.message.strip_prefix(PREFIX) == Some(event);
        entries.iter().filter(is_event).count()
    };
    let is_failure = |entry: &&LogEntry| matches!(&*entry.severity, "ERROR" | "FATAL" | "PANIC");
    let failures = entries.iter().filter(is_failure).take(MAX_FAILURES).map(|entry| Failure {
        state: entry.sqlstate.clone(),
        message: entry.message.clone(),
        statement: entry.statement.clone(),
    });
    Witness {
        statements: count("begun"),
        attempted_rows: count("tried"),
        written_rows: count("written"),
        removed_rows: count("removed"),
        rollbacks: None,
        failures: failures.collect(),
        other_tables: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use sqlx::Connection;

    use super::*;
    use spanproof_postgres::Options;

    const TABLE: &str = "create table spans (id int primary key, n serial)";

    /// The protocol by which a driver sends inserts.
    #[derive(Debug, Clone, Copy)]
    enum Insert {
        /// Simple query: `psql` and drivers without parameters.
        Simple(&'static str),
        /// Extended query with one parameter: sqlx and most other drivers.
        Extended(&'static str),
        /// `COPY … FROM STDIN`.
        Copy(&'static str),
    }

    /// What a client sees: rows affected or the SQLSTATE, the rows in the table afterwards, and
    /// `lastval()` of its session.
    type ClientView = (Result<u64, String>, i64, Option<i64>);

    async fn run(connection: &mut PgConnection, insert: Insert) -> ClientView {
        let state = |error: sqlx::Error| {
            let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
            code.unwrap_or_default().into_owned()
        };
        let outcome = match insert {
            Insert::Simple(sql) => {
                let done = connection.execute(sqlx::raw_sql(sql)).await;
                done.map(|done| done.rows_affected()).map_err(state)
            }
            Insert::Extended(sql) => {
                let done = sqlx::query(sql).bind(7).execute(&mut *connection).await;
                done.map(|done| done.rows_affected()).map_err(state)
            }
            Insert::Copy(text) => {
                let mut copy = connection.copy_in_raw("copy spans (id) from stdin").await.unwrap();
                copy.send(text.as_bytes()).await.unwrap();
                copy.finish().await.map_err(state)
            }
        };
        let _ended = connection.execute("rollback").await;
        let rows = sqlx::query_scalar("select count(*) from spans");
        let rows = rows.fetch_one(&mut *connection).await.unwrap();
        let last = sqlx::query_scalar("select lastval()").fetch_one(&mut *connection).await.ok();
        (outcome, rows, last)
    }

    /// The counts are statements, attempted rows and written rows.
    #[rstest]
    #[case::simple(Insert::Simple("insert into spans values (1)"), [1, 1, 1], &[])]
    #[case::several(
        Insert::Simple("insert into spans values (1); insert into spans values (2)"),
        [2, 2, 2], &[]
    )]
    #[case::extended(Insert::Extended("insert into spans values ($1)"), [1, 1, 1], &[])]
    #[case::returning(
        Insert::Extended("insert into spans values ($1) returning id"),
        [1, 1, 1], &[]
    )]
    #[case::rows(
        Insert::Extended("insert into spans select unnest(array[1, 2, $1])"),
        [1, 3, 3], &[]
    )]
    #[case::poisoned(
        Insert::Extended("insert into spans values (1), (2), ($1), (1)"),
        [1, 4, 0], &["23505"]
    )]
    #[case::ignored(
        Insert::Extended("insert into spans values ($1), (7) on conflict do nothing"),
        [1, 2, 1], &[]
    )]
    #[case::empty(
        Insert::Extended("insert into spans select 1 where $1 < 0"),
        [1, 0, 0], &[]
    )]
    #[case::copied(Insert::Copy("1\n2\n3\n"), [1, 3, 3], &[])]
    #[case::copied_twice(Insert::Copy("1\n2\n1\n"), [1, 3, 0], &["23505"])]
    #[case::rolled_back(
        Insert::Simple("begin; insert into spans values (1); rollback"),
        [1, 1, 1], &[]
    )]
    #[case::aborted(
        Insert::Simple("begin; insert into spans values (1); select 1 / 0"),
        [1, 1, 1], &["22012"]
    )]
    #[case::refused(Insert::Extended("insert into spans (nothing) values ($1)"), [0, 0, 0], &["42703"])]
    #[tokio::test]
    async fn the_witness_counts_inserts_and_the_client_does_not_notice(
        #[case] insert: Insert,
        #[case] counts: [usize; 3],
        #[case] states: &[&str],
    ) {
        let server = Server::join(Options::default()).await.unwrap();
        let mut views = Vec::new();
        for witnessed in [false, true] {
            let database = server.empty_database().await.unwrap();
            let mut connection = PgConnection::connect(database.url()).await.unwrap();
            connection.execute(TABLE).await.unwrap();
            if witnessed {
                install_triggers(&mut connection, "spans").await.unwrap();
            }
            views.push(run(&mut connection, insert).await);
            if witnessed {
                let witness = read(&server, &database, &mut connection, "spans").await.unwrap();
                let witness = witness.unwrap();
                assert_eq!(
                    [witness.statements, witness.attempted_rows, witness.written_rows],
                    counts
                );
                let found: Vec<_> = witness.failures.iter().map(|f| f.state.as_str()).collect();
                // 55000 is the test's own `select lastval()` before any `nextval()`.
                let found: Vec<_> = found.into_iter().filter(|state| *state != "55000").collect();
                assert_eq!(found, states);
            }
            connection.close().await.unwrap();
            database.close().await.unwrap();
        }
        assert_eq!(views[0], views[1]);
    }

    #[tokio::test]
    async fn a_role_without_privileges_fires_the_triggers_and_other_schemas_are_searched() {
        let server = Server::join(Options::default()).await.unwrap();
        let database = server.empty_database().await.unwrap();
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        let role = format!("writer_{}", std::process::id());
        connection.execute(TABLE).await.unwrap();
        install_triggers(&mut connection, "public.spans").await.unwrap();
        let sql = format!(
            "create schema tenant; create table tenant.spans (id int); \
             insert into tenant.spans values (1), (2); \
             create role {role}; grant insert on spans to {role}; \
             grant usage on sequence spans_n_seq to {role}; set role {role}; \
             insert into spans values (1); reset role; drop owned by {role}; drop role {role}"
        );
        connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap();
        let witness = read(&server, &database, &mut connection, "public.spans").await.unwrap();
        let witness = witness.unwrap();
        assert_eq!([witness.statements, witness.attempted_rows, witness.written_rows], [1, 1, 1]);
        assert_eq!(witness.other_tables, [("tenant.spans".to_owned(), 2)]);
        connection.close().await.unwrap();
        database.close().await.unwrap();
    }
}
