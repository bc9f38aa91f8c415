//! A database in production: only read, by its indexes, and never in anybody's way.

use rstest::rstest;
use spanproof_postgres::Database;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::scene::run;

const LOG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/production/runner.log");
const DUMP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/production/dump.sql");
const SQL: &str = include_str!("../../../../fixtures/production/database.sql");

/// The database of the incident, changed by some SQL.
struct Production {
    database: Database,
    connection: PgConnection,
    folder: tempfile::TempDir,
}

impl Production {
    async fn new(change: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("migrations")).unwrap();
        std::fs::write(folder.path().join("migrations/0001_production.up.sql"), SQL).unwrap();
        let database = Database::migrated(folder.path().join("migrations")).await.unwrap();
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        let change = sqlx::raw_sql(AssertSqlSafe(change.to_owned()));
        connection.execute(change).await.unwrap();
        Self { database, connection, folder }
    }

    /// What `diagnose` prints: exit code, results, notes.
    async fn diagnose(&self, args: &[&str]) -> (i32, String, String) {
        let url = self.database.url().to_owned();
        let all = [&["diagnose", "--database", &url, "--log", LOG], args].concat();
        let all: Vec<String> = all.into_iter().map(str::to_owned).collect();
        let folder = self.folder.path().to_owned();
        let told = tokio::task::spawn_blocking(move || {
            let all: Vec<_> = all.iter().map(String::as_str).collect();
            run(&folder, &all)
        });
        told.await.unwrap()
    }

    async fn close(self) {
        self.connection.close().await.unwrap();
        self.database.close().await.unwrap();
    }
}

#[tokio::test]
async fn jobs_469_to_472_ran_outside_the_tracer() {
    let production = Production::new("").await;
    let (exit, out, notes) = production.diagnose(&[]).await;
    assert_eq!(exit, 1, "{out}{notes}");
    for job in 469..=472 {
        let name = format!("bias-detection-{}", 1_761_134_400 + 900 * (job - 469));
        let row = format!("{job}  {name}  -      failed  4 failed    0      path-not-executed");
        assert!(out.contains(&row), "expected {row}\nfound {out}");
    }
    assert!(out.contains("FAIL path-not-executed (jobs 469, 470, 471, 472)"), "{out}");
    assert!(
        out.contains("16 units were executed, and 0 `execute_question` spans were begun"),
        "{out}"
    );
    let (_, dumped, _) = run(production.folder.path(), &["diagnose", "--dump", DUMP, "--log", LOG]);
    let verdict = |text: &str| {
        text[text.find("\njob ").unwrap()..].replace(
        "    against:  not looked at: other schemas: a dump is looked into for the tables of the spec only\n", "")
    };
    assert_eq!(verdict(&dumped), verdict(&out), "a dump says what its database says");
    production.close().await;
}

/// What is changed in the database, what is asked, and what is said.
#[rstest]
#[case::no_privilege(
    "do $$ begin create role diagnose_reader; exception when duplicate_object then null; end $$; \
     grant usage on schema public to diagnose_reader; grant select on jobs, executions to diagnose_reader; \
     do $$ begin execute format('alter database %I set role = diagnose_reader', current_database()); end $$",
    &[],
    "against:  spans can't be read, so some may be there: permission denied for table trace_spans"
)]
#[case::no_table("drop table trace_spans", &[], "against:  spans can't be read, so some may be there: relation \"trace_spans\" does not exist")]
#[case::other_column(
    "alter table trace_spans rename execution_id to exec",
    &[],
    "against:  not looked at: trace_spans by execution_id: there is no such column"
)]
#[case::elsewhere(
    "create schema other; create table other.trace_spans (like public.trace_spans including all); \
     insert into other.trace_spans (trace_id, span_id, service, operation, started_at, status, execution_id) \
     select gen_random_uuid(), gen_random_uuid(), 'runner', 'execute_question', now(), 'started', id from executions",
    &[],
    "FAIL wrong-destination (jobs 469, 470, 471, 472)"
)]
#[case::without_ids(
    "insert into trace_spans (trace_id, span_id, service, operation, started_at, completed_at, duration_ms, status) \
     select gen_random_uuid(), gen_random_uuid(), 'runner', o, started_at at time zone 'UTC', \
     completed_at at time zone 'UTC', 1, 'failed' from executions, \
     unnest(array['execute_question', 'hybrid_router_call']) o",
    &["--job", "469"],
    "FAIL unlinked (job 469)"
)]
#[case::no_index(
    "drop index idx_trace_spans_execution_id; insert into trace_spans (trace_id, span_id, service, operation, \
     started_at, status) select gen_random_uuid(), gen_random_uuid(), 'x', 'y', now(), 'started' \
     from generate_series(1, 150000); analyze trace_spans",
    &[],
    "trace_spans by execution_id: no index serves it, and `trace_spans` has about 150000 rows; it was not tried"
)]
#[case::by_name("", &["--job", "bias-detection-1761134400"], "FAIL path-not-executed (job 469)")]
#[case::by_column("", &["--job", "id=470"], "FAIL path-not-executed (job 470)")]
#[case::window("", &["--since", "2025-10-22T12:20Z", "--until", "2025-10-22T12:40Z"], "FAIL path-not-executed (job 471)")]
#[case::last("", &["--last", "2"], "FAIL path-not-executed (jobs 471, 472)")]
#[tokio::test]
async fn what_is_there_is_told_as_it_is(
    #[case] change: &str,
    #[case] args: &[&str],
    #[case] said: &str,
) {
    let production = Production::new(change).await;
    let (exit, out, notes) = production.diagnose(args).await;
    assert_eq!(exit, 1, "{out}{notes}");
    assert!(out.contains(said), "expected {said}\nfound {out}{notes}");
    production.close().await;
}

#[rstest]
#[case::none(
    "",
    "471a",
    4,
    "no job is `471a` in `jobs`; the newest are id=472 (jobspec_id bias-detection-1761137100), id=471"
)]
#[case::sql("", "x'; drop table jobs; --", 4, "no job is `x'; drop table jobs; --` in `jobs`")]
#[case::two(
    "update jobs set jobspec_id = '470' where id = 471",
    "470",
    4,
    "`470` means 2 jobs: id=470 (jobspec_id bias-detection-1761135300), id=471 (jobspec_id 470); name one, for instance by `--job id=470`"
)]
#[case::no_rows("truncate jobs, executions", "1", 4, "`jobs` has no rows at all")]
#[case::no_id(
    "alter table jobs rename id to number",
    "469",
    4,
    "`jobs` has no column `id`: it has created_at, jobspec_data, jobspec_id, number"
)]
#[tokio::test]
async fn a_job_that_is_not_one_is_told(
    #[case] change: &str,
    #[case] job: &str,
    #[case] code: i32,
    #[case] said: &str,
) {
    let production = Production::new(change).await;
    let (exit, _, notes) = production.diagnose(&["--job", job]).await;
    assert_eq!(exit, code, "{notes}");
    assert!(notes.contains(said), "expected {said}\nfound {notes}");
    production.close().await;
}

#[tokio::test]
async fn a_lock_is_not_waited_for_and_a_session_that_is_ended_is_told() {
    let mut production = Production::new("").await;
    production
        .connection
        .execute("begin; lock table executions in access exclusive mode")
        .await
        .unwrap();
    let (_, out, notes) = production.diagnose(&[]).await;
    assert!(out.contains("canceling statement due to lock timeout"), "{out}{notes}");
    let ended = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                 where application_name = 'spanproof diagnose' and wait_event_type = 'Lock'";
    let other = PgConnection::connect(production.database.url()).await.unwrap();
    let other = tokio::sync::Mutex::new(other);
    let (told, ()) = tokio::join!(production.diagnose(&[]), async {
        let within = std::time::Duration::from_secs(20);
        let seen =
            spanproof_lease::wait::until("the session's wait for the lock", within, || async {
                let mut other = other.lock().await;
                match sqlx::query_scalar::<_, i64>(ended).fetch_one(&mut *other).await {
                    Ok(0) | Err(_) => spanproof_lease::wait::Look::NotYet("none".into()),
                    Ok(_) => spanproof_lease::wait::Look::Done(()),
                }
            });
        seen.await.unwrap();
    });
    let (exit, out, notes) = told;
    assert_eq!(exit, 3, "{out}{notes}");
    assert!(
        notes.contains("the database went away while executions by job_id was read"),
        "{notes}"
    );
    drop(other);
    production.close().await;
}

#[tokio::test]
async fn a_database_that_lets_nobody_in_is_told_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let url = "postgres://u:hunter2@127.0.0.1:1/none";
    let (exit, _, notes) = run(folder.path(), &["diagnose", "--database", url]);
    assert_eq!(exit, 3);
    assert!(
        notes.contains("the database `postgres://u:***@127.0.0.1:1/none` does not let us in"),
        "{notes}"
    );
    let (exit, _, notes) = run(folder.path(), &["diagnose", "--database", "nonsense"]);
    assert_eq!(exit, 3, "{notes}");
}

#[tokio::test]
async fn nothing_is_written_and_no_lock_is_taken_that_a_writer_would_feel() {
    let mut production = Production::new("").await;
    let counts = "select xact_commit from pg_stat_database where datname = current_database()";
    let before: i64 =
        sqlx::query_scalar(counts).fetch_one(&mut production.connection).await.unwrap();
    production.connection.execute("begin; update jobs set status = status").await.unwrap();
    let (exit, out, notes) = production.diagnose(&[]).await;
    assert_eq!(exit, 1, "a writer is not waited for: {out}{notes}");
    production.connection.execute("rollback").await.unwrap();
    let after: i64 =
        sqlx::query_scalar(counts).fetch_one(&mut production.connection).await.unwrap();
    assert!(after - before <= 2, "{before} {after}: our own commits only");
    production.close().await;
}
