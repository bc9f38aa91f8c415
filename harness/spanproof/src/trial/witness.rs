//! The witness of a trial: triggers on the span table that tell the server's log of each attempt,
//! and what is read there afterwards.
//!
//! A line in the log is not undone by a rollback, and nothing that a service can ask for changes by
//! it: a counting sequence would change `lastval()` of its session.

use crate::identifier;
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::Error;
use crate::observation::{Failure, Witness};
use spanproof_postgres::{Database, LogEntry, Server};

/// How the triggers' lines begin.
const SIGN: &str = "spanproof witness: ";
/// Failures that are kept.
const KEPT: usize = 50;

/// The triggers on the table `{table}`. Those on rows run in the order of their names: the first
/// one sees a row before the user's own, the last one after them. A trigger's function needs no
/// grant to whoever fires it.
const TRIGGERS: &str = r#"
create schema spanproof_witness;
create function spanproof_witness.tell() returns trigger language plpgsql as $$
begin
    raise log 'spanproof witness: %', tg_argv[0];
    return new;
end $$;
create trigger "!spanproof_begun" before insert on {table}
    for each statement execute function spanproof_witness.tell('begun');
create trigger "!spanproof_tried" before insert on {table}
    for each row execute function spanproof_witness.tell('tried');
create trigger "~spanproof_written" after insert on {table}
    for each row execute function spanproof_witness.tell('written');
"#;

/// Tables that have the span table's name in another schema.
const NAMESAKES: &str = r"
select n.nspname::text
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and c.relname = $2 and c.oid is distinct from to_regclass($1)
    and n.nspname not in ('pg_catalog', 'information_schema')
order by 1";

/// Puts the triggers on; a span table that is not there needs none.
pub(super) async fn install(connection: &mut PgConnection, table: &str) -> Result<(), Error> {
    let failed = |error: sqlx::Error| Error::Witness(error.into());
    let there: bool = sqlx::query_scalar("select to_regclass($1) is not null")
        .bind(identifier::table(table))
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    if there {
        let sql = TRIGGERS.replace("{table}", &identifier::table(table));
        connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map_err(failed)?;
    }
    Ok(())
}

/// What the server has to say; nothing where its log can't be read.
pub(super) async fn testify(
    server: &Server,
    database: &Database,
    connection: &mut PgConnection,
    table: &str,
) -> Result<Option<Witness>, Error> {
    let Some(entries) = server.log(database).await? else { return Ok(None) };
    let mut witness = of(&entries);
    let (_, name) = identifier::parts(table);
    let failed = |error: sqlx::Error| Error::Witness(error.into());
    let schemas: Vec<String> = sqlx::query_scalar(NAMESAKES)
        .bind(identifier::table(table))
        .bind(name)
        .fetch_all(&mut *connection)
        .await
        .map_err(failed)?;
    for schema in schemas {
        let place = format!("{schema}.{name}");
        let sql = format!("select count(*) from {}", identifier::in_schema(&schema, name));
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut *connection)
            .await
            .map_err(failed)?;
        if rows > 0 {
            witness.elsewhere.push((place, rows.unsigned_abs()));
        }
    }
    Ok(Some(witness))
}

/// Counts the triggers' lines and takes what failed.
fn of(entries: &[LogEntry]) -> Witness {
    let told = |what: &str| {
        let is = |entry: &&LogEntry| entry.message.strip_prefix(SIGN) == Some(what);
        entries.iter().filter(is).count()
    };
    let is_failure = |entry: &&LogEntry| matches!(&*entry.severity, "ERROR" | "FATAL" | "PANIC");
    let failures = entries.iter().filter(is_failure).take(KEPT).map(|entry| Failure {
        state: entry.state.clone(),
        message: entry.message.clone(),
        statement: entry.statement.clone(),
    });
    Witness {
        begun: told("begun"),
        tried: told("tried"),
        written: told("written"),
        failures: failures.collect(),
        elsewhere: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use sqlx::Connection;

    use super::*;
    use spanproof_postgres::Options;

    const TABLE: &str = "create table spans (id int primary key, n serial)";

    /// How a driver sends what it writes.
    #[derive(Debug, Clone, Copy)]
    enum Form {
        /// `psql` and drivers without parameters.
        Simple(&'static str),
        /// Parsed, bound and executed: sqlx and most others.
        Extended(&'static str),
        Copy(&'static str),
    }

    /// What a client sees: rows affected or the SQLSTATE, the rows that are there afterwards, and
    /// what `lastval()` says in its session.
    type Seen = (Result<u64, String>, i64, Option<i64>);

    async fn run(connection: &mut PgConnection, form: Form) -> Seen {
        let state = |error: sqlx::Error| {
            let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
            code.unwrap_or_default().into_owned()
        };
        let outcome = match form {
            Form::Simple(sql) => {
                let done = connection.execute(sqlx::raw_sql(sql)).await;
                done.map(|done| done.rows_affected()).map_err(state)
            }
            Form::Extended(sql) => {
                let done = sqlx::query(sql).bind(7).execute(&mut *connection).await;
                done.map(|done| done.rows_affected()).map_err(state)
            }
            Form::Copy(text) => {
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

    /// Counted are statements begun, rows tried and rows written.
    #[rstest]
    #[case::simple(Form::Simple("insert into spans values (1)"), [1, 1, 1], &[])]
    #[case::several(
        Form::Simple("insert into spans values (1); insert into spans values (2)"),
        [2, 2, 2], &[]
    )]
    #[case::extended(Form::Extended("insert into spans values ($1)"), [1, 1, 1], &[])]
    #[case::returning(
        Form::Extended("insert into spans values ($1) returning id"),
        [1, 1, 1], &[]
    )]
    #[case::rows(
        Form::Extended("insert into spans select unnest(array[1, 2, $1])"),
        [1, 3, 3], &[]
    )]
    #[case::poisoned(
        Form::Extended("insert into spans values (1), (2), ($1), (1)"),
        [1, 4, 0], &["23505"]
    )]
    #[case::ignored(
        Form::Extended("insert into spans values ($1), (7) on conflict do nothing"),
        [1, 2, 1], &[]
    )]
    #[case::empty(
        Form::Extended("insert into spans select 1 where $1 < 0"),
        [1, 0, 0], &[]
    )]
    #[case::copied(Form::Copy("1\n2\n3\n"), [1, 3, 3], &[])]
    #[case::copied_twice(Form::Copy("1\n2\n1\n"), [1, 3, 0], &["23505"])]
    #[case::rolled_back(
        Form::Simple("begin; insert into spans values (1); rollback"),
        [1, 1, 1], &[]
    )]
    #[case::aborted(
        Form::Simple("begin; insert into spans values (1); select 1 / 0"),
        [1, 1, 1], &["22012"]
    )]
    #[case::refused(Form::Extended("insert into spans (nothing) values ($1)"), [0, 0, 0], &["42703"])]
    #[tokio::test]
    async fn a_witness_counts_every_form_and_changes_nothing_for_the_client(
        #[case] form: Form,
        #[case] counts: [usize; 3],
        #[case] states: &[&str],
    ) {
        let server = Server::join(Options::default()).await.unwrap();
        let mut seen = Vec::new();
        for witnessed in [false, true] {
            let database = server.empty().await.unwrap();
            let mut connection = PgConnection::connect(database.url()).await.unwrap();
            connection.execute(TABLE).await.unwrap();
            if witnessed {
                install(&mut connection, "spans").await.unwrap();
            }
            seen.push(run(&mut connection, form).await);
            if witnessed {
                let witness = testify(&server, &database, &mut connection, "spans").await.unwrap();
                let witness = witness.unwrap();
                assert_eq!([witness.begun, witness.tried, witness.written], counts);
                let found: Vec<_> = witness.failures.iter().map(|f| f.state.as_str()).collect();
                // The session's own question for `lastval()`, where nothing asked for a value.
                let found: Vec<_> = found.into_iter().filter(|state| *state != "55000").collect();
                assert_eq!(found, states);
            }
            connection.close().await.unwrap();
            database.close().await.unwrap();
        }
        assert_eq!(seen[0], seen[1]);
    }

    #[tokio::test]
    async fn a_role_without_rights_fires_it_and_other_schemas_are_searched() {
        let server = Server::join(Options::default()).await.unwrap();
        let database = server.empty().await.unwrap();
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        let role = format!("writer_{}", std::process::id());
        connection.execute(TABLE).await.unwrap();
        install(&mut connection, "public.spans").await.unwrap();
        let sql = format!(
            "create schema tenant; create table tenant.spans (id int); \
             insert into tenant.spans values (1), (2); \
             create role {role}; grant insert on spans to {role}; \
             grant usage on sequence spans_n_seq to {role}; set role {role}; \
             insert into spans values (1); reset role; drop owned by {role}; drop role {role}"
        );
        connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap();
        let witness = testify(&server, &database, &mut connection, "public.spans").await.unwrap();
        let witness = witness.unwrap();
        assert_eq!([witness.begun, witness.tried, witness.written], [1, 1, 1]);
        assert_eq!(witness.elsewhere, [("tenant.spans".to_owned(), 2)]);
        connection.close().await.unwrap();
        database.close().await.unwrap();
    }
}
