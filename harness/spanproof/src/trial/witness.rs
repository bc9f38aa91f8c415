//! The witness: triggers on the span table that write each attempt to insert a span to the log of the
//! database server. This file adds the witness to a database, and reads its evidence from the log.
//!
//! The triggers write to the log, because a rollback does not remove log entries, and the service does not
//! notice them. If sequences were used as counters, `lastval()` would change in the service's session.

use sqlx::PgConnection;

use std::time::Duration;

use tokio::sync::Mutex;

use super::tally::Tally;
use super::{Error, blind_spot, trigger};
use crate::observation::{Failure, Witness};
use crate::spec::SpanTable;
use spanproof_lease::wait::{self, Attempt};
use spanproof_postgres::{Database, LogEntry, Server};

/// Time limit for the service's sessions to end after the service has stopped.
const SESSIONS_END: Duration = Duration::from_secs(2);
/// Maximum number of failures in the evidence.
const MAX_FAILURES: usize = 50;

/// Adds the witness to a database. Does nothing if the server's log can't be read.
pub(super) async fn install(
    server: &Server,
    database: &Database,
    connection: &mut PgConnection,
    spans: &SpanTable,
) -> Result<(), Error> {
    match server.log(database).await? {
        Some(_) => trigger::install(connection, spans).await,
        None => Ok(()),
    }
}

/// Returns the evidence of the witness: counts and errors from the log, and the blind spots in which
/// inserts can be lost before the triggers run. `None` if `entries`, the entries of the log, is `None`.
pub(super) async fn read(
    entries: Option<&[LogEntry]>,
    connection: &mut PgConnection,
    spans: &SpanTable,
    other_tables: &[(String, u64)],
) -> Result<Option<Witness>, Error> {
    let Some(entries) = entries else { return Ok(None) };
    let Tally { statements, attempted, written, removed, overwritten } = Tally::new(entries);
    let blind_spots = blind_spot::find(connection, spans, entries).await;
    Ok(Some(Witness {
        statements,
        attempted_rows: attempted,
        written_rows: written,
        removed_rows: removed,
        overwritten_rows: overwritten,
        rollbacks: rollbacks(connection).await?,
        failures: failures(entries),
        blind_spots: blind_spots.map_err(|error| Error::Witness(error.into()))?,
        other_tables: other_tables.to_vec(),
        unattributed: Vec::new(),
    }))
}

/// Returns the number of transactions of the database that were rolled back; `None` if the service's sessions
/// do not end in time. Postgres counts the transactions of a session when the session ends.
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

/// Returns the first errors in the log, at most [`MAX_FAILURES`].
pub(super) fn failures(entries: &[LogEntry]) -> Vec<Failure> {
    failures_that(entries, |_| true)
}

/// Returns the first errors in the log for which `is_wanted` returns true, at most [`MAX_FAILURES`].
pub(super) fn failures_that(
    entries: &[LogEntry],
    is_wanted: impl Fn(&Failure) -> bool,
) -> Vec<Failure> {
    let is_failure = |entry: &&LogEntry| matches!(&*entry.severity, "ERROR" | "FATAL" | "PANIC");
    let failures = entries.iter().filter(is_failure).map(|entry| Failure {
        state: entry.sqlstate.clone(),
        message: entry.message.clone(),
        statement: entry.statement.clone(),
    });
    failures.filter(is_wanted).take(MAX_FAILURES).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use sqlx::{AssertSqlSafe, Connection, Executor};

    use super::*;
    use crate::observation::{BlindSpot, BlindSpotEffect as Effect};
    use spanproof_postgres::Options;

    fn spans_table() -> SpanTable {
        toml::from_str(
            "table = 'spans'\ntrace = 't'\nid = 'id'\nparent = 'p'\nname = 'n'\nunit = 'u'\n\
             service = ''\nduration = ''\nstarted = 'b'\ncompleted = 'e'\nstatus = 'x'",
        )
        .unwrap()
    }

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
    #[case::one_duplicate(
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
                install(&server, &database, &mut connection, &spans_table()).await.unwrap();
                // The settings of the witness apply only to new sessions.
                connection = PgConnection::connect(database.url()).await.unwrap();
            }
            views.push(run(&mut connection, insert).await);
            if witnessed {
                let entries = server.log(&database).await.unwrap().unwrap();
                let witness = read(Some(&entries), &mut connection, &spans_table(), &[])
                    .await
                    .unwrap()
                    .unwrap();
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

    /// Runs statements in a database with the witness, and returns the evidence of the witness.
    async fn run_with_witness(setup: &str, statements: &str) -> Witness {
        let server = Server::join(Options::default()).await.unwrap();
        let database = server.empty_database().await.unwrap();
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        connection.execute(sqlx::raw_sql(AssertSqlSafe(setup.to_owned()))).await.unwrap();
        install(&server, &database, &mut connection, &spans_table()).await.unwrap();
        let mut service = PgConnection::connect(database.url()).await.unwrap();
        for statement in statements.split(";;") {
            service.execute(sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))).await.unwrap();
        }
        service.close().await.unwrap();
        let entries = server.log(&database).await.unwrap().unwrap();
        let witness =
            read(Some(&entries), &mut connection, &spans_table(), &[]).await.unwrap().unwrap();
        connection.close().await.unwrap();
        database.close().await.unwrap();
        witness
    }

    const PARTITIONS: &str = "create table spans (id int, op text) partition by list (op); \
        create table spans_a partition of spans for values in ('a') partition by list (id); \
        create table spans_a1 partition of spans_a for values in (1)";
    const CHILD: &str = "create table spans (id int); create table spans_child () inherits (spans); \
        create function pass_on() returns trigger language plpgsql as \
        $$ begin insert into spans_child values (new.*); return null; end $$; \
        create trigger pass_on before insert on spans for each row execute function pass_on()";
    const VIEW: &str = "create table raw (id int primary key); \
        create view spans as select * from raw";
    const JOINED: &str = "create table raw (id int); create table jobs (id int); \
        create view spans as select raw.id from raw left join jobs using (id); \
        create function keep() returns trigger language plpgsql as \
        $$ begin insert into raw select new.id where new.id < 9; return new; end $$; \
        create trigger keep instead of insert on spans for each row execute function keep()";
    const JOINED_BY_RULE: &str = "create table raw (id int); create table jobs (id int); \
        create view spans as select raw.id from raw left join jobs using (id); \
        create rule keep as on insert to spans do instead insert into raw values (new.id)";

    /// The counts are statements, attempted rows, written rows and removed rows. `;;` separates
    /// statements that a client sends one by one.
    #[rstest]
    #[case::partition(PARTITIONS, "insert into spans values (1, 'a')", [1, 1, 1, 0])]
    #[case::directly(PARTITIONS, "insert into spans_a1 values (1, 'a')", [1, 1, 1, 0])]
    #[case::new_partition(
        PARTITIONS,
        "create table spans_b partition of spans for values in ('b');; \
         insert into spans values (1, 'b');; insert into spans_b values (2, 'b')", [2, 2, 2, 0]
    )]
    #[case::attached(
        PARTITIONS,
        "create table spans_c (like spans);; \
         alter table spans attach partition spans_c for values in ('c');; \
         insert into spans values (1, 'c')", [1, 1, 1, 0]
    )]
    #[case::emptied(PARTITIONS, "insert into spans values (1, 'a');; truncate spans_a1", [1, 1, 1, 1])]
    #[case::moved(
        PARTITIONS,
        "create table spans_b partition of spans for values in ('b');; \
         insert into spans values (1, 'a');; update spans set op = 'b';; delete from spans",
        [1, 1, 1, 1]
    )]
    #[case::child(CHILD, "insert into spans values (1);; insert into spans_child values (2)", [3, 2, 2, 0])]
    #[case::new_child(
        "create table spans (id int)",
        "create table spans_new () inherits (spans);; insert into spans_new values (1)", [1, 1, 1, 0]
    )]
    #[case::view(VIEW, "insert into spans values (1);; delete from spans", [1, 1, 1, 1])]
    #[case::under_a_view(VIEW, "insert into raw values (1)", [1, 1, 1, 0])]
    #[case::joined(
        JOINED, "insert into spans values (1), (9);; insert into jobs values (1);; delete from raw",
        [1, 2, 1, 1]
    )]
    #[case::joined_by_rule(
        JOINED_BY_RULE, "insert into spans values (1);; insert into jobs values (1)", [1, 1, 1, 0]
    )]
    #[case::replica(
        TABLE, "set session_replication_role = replica;; insert into spans values (1)", [1, 1, 1, 0]
    )]
    #[case::disabled(
        TABLE, "alter table spans disable trigger all;; insert into spans values (1)", [1, 1, 1, 0]
    )]
    #[case::created_again(
        TABLE,
        "insert into spans values (1);; drop table spans;; create table spans (id int);; \
         insert into spans values (2)", [2, 2, 2, 1]
    )]
    #[case::created_late("select 1", "create table spans (id int);; insert into spans values (2)", [1, 1, 1, 0])]
    #[case::upsert(
        TABLE,
        "insert into spans values (1);; \
         insert into spans values (1) on conflict (id) do update set n = 3;; update spans set n = 4",
        [2, 1, 1, 0]
    )]
    #[tokio::test]
    async fn inserts_are_counted_wherever_spans_are_inserted(
        #[case] setup: &str,
        #[case] statements: &str,
        #[case] counts: [usize; 4],
    ) {
        let witness = run_with_witness(setup, statements).await;
        let Witness { statements, attempted_rows, written_rows, removed_rows, .. } = witness;
        assert_eq!([statements, attempted_rows, written_rows, removed_rows], counts);
        assert_eq!(witness.blind_spots, []);
    }

    /// An update may end a span, but must not turn its row into another span.
    #[rstest]
    #[case::ended("update spans set n = 2", 0)]
    #[case::upsert_of_the_same(
        "insert into spans values (1) on conflict (id) do update set n = 3",
        0
    )]
    #[case::update("update spans set id = 2", 1)]
    #[case::upsert(
        "insert into spans values (2, 1) on conflict (n) do update set id = excluded.id",
        1
    )]
    #[tokio::test]
    async fn rows_that_become_other_spans_are_counted(
        #[case] statement: &str,
        #[case] overwritten: usize,
    ) {
        let statements = format!("insert into spans values (1, 1);; {statement}");
        let witness =
            run_with_witness("create table spans (id int primary key, n int unique)", &statements)
                .await;
        assert_eq!(witness.overwritten_rows, overwritten);
    }

    const RECORD: &str = "create table spans (id int primary key); \
        create function record_span(id int) returns void language plpgsql as $$ begin \
        insert into spans values (id); exception when others then null; end $$; \
        create procedure outer_one(id int) language sql as $$ select record_span(id) $$";

    #[rstest]
    #[case::rule_that_discards(
        "create table spans (id int); create rule forget as on insert to spans do instead nothing",
        "insert into spans values (1);; select * from spans",
        Effect::Discards,
        Some(1)
    )]
    #[case::rule_that_inserts_elsewhere(
        "create table spans (id int); create table old (id int); \
         create rule archive as on insert to spans do instead insert into old values (new.id)",
        "insert into spans values (1)",
        Effect::Unclear,
        Some(1)
    )]
    #[case::rule_with_a_condition(
        "create table spans (id int); \
         create rule large as on insert to spans where new.id > 5 do instead nothing",
        "insert into spans values (1);; insert into spans values (7)",
        Effect::Unclear,
        Some(2)
    )]
    #[case::function(
        RECORD,
        "select record_span(1);; select record_span(1)",
        Effect::Inserts,
        Some(2)
    )]
    #[case::block(
        "create table spans (id int)",
        "do $$ begin insert into spans (nothing) values (1); exception when others then null; end $$",
        Effect::Inserts,
        Some(1)
    )]
    #[case::dynamic(
        "create table spans (id int); create table old (id int); \
         create function record_in(place text) returns void language plpgsql as \
         $$ begin execute format('insert into %I values (1)', place); end $$",
        "select record_in('old')",
        Effect::Unclear,
        Some(1)
    )]
    #[case::trigger_of_another_table(
        "create table spans (id int); create table jobs (id int); \
         create function span() returns trigger language plpgsql as $$ begin \
         insert into spans (nothing) values (1); return new; exception when others then return new; \
         end $$; create trigger span after insert on jobs for each row execute function span()",
        "insert into jobs values (1)",
        Effect::Unclear,
        None
    )]
    #[case::removed_triggers(
        "create table spans (id int)",
        "drop schema spanproof_witness cascade",
        Effect::Unwatched,
        None
    )]
    #[tokio::test]
    async fn what_the_triggers_cannot_see_is_a_blind_spot(
        #[case] setup: &str,
        #[case] statements: &str,
        #[case] effect: Effect,
        #[case] count: Option<usize>,
    ) {
        let spots = run_with_witness(setup, statements).await.blind_spots;
        let found: Vec<_> = spots.iter().map(|spot| (spot.effect, spot.statements)).collect();
        assert_eq!(found, [(effect, count)], "{spots:?}");
    }

    #[tokio::test]
    async fn a_call_of_a_procedure_counts_as_a_use_of_the_function_that_the_procedure_calls() {
        let spots = run_with_witness(RECORD, "call outer_one(1)").await.blind_spots;
        let what = "the function `record_span` inserts into the span table".to_owned();
        assert_eq!(spots, [BlindSpot { what, effect: Effect::Inserts, statements: Some(1) }]);
    }

    #[tokio::test]
    async fn a_role_without_privileges_fires_the_triggers() {
        let role = format!("writer_{}", std::process::id());
        let setup = format!(
            "{TABLE}; create role {role}; grant insert on spans to {role}; \
             grant usage on sequence spans_n_seq to {role}"
        );
        let statements = format!(
            "set role {role};; insert into spans values (1);; \
             reset role;; drop owned by {role};; drop role {role}"
        );
        let witness = run_with_witness(&setup, &statements).await;
        assert_eq!([witness.statements, witness.attempted_rows, witness.written_rows], [1, 1, 1]);
    }
}
