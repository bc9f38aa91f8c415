//! Tests of `watch`, the command that shows jobs, their executions (units of work) and their spans
//! while they are written to a database. The output goes to a pipe or to a terminal.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use spanproof_postgres::Database;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::run::{MIGRATIONS, Output, Running, SPEC, Spanproof, run};

/// SQL that inserts a job.
const JOB: &str = "insert into jobs (jobspec_id, jobspec, status, route) values ('bias-1', '{}', 'processing', 'queued')";
/// SQL that inserts the four units of the job.
const EXECUTIONS: &str = "insert into executions (job_id, region, model_id, question_id, status) \
    select 1, 'r' || n, 'm', 'q', 'failed' from generate_series(1, 4) n";
/// SQL that inserts one span for each unit.
const SPANS: &str = "insert into trace_spans (trace_id, span_id, service, operation, started_at, status, execution_id) \
    select gen_random_uuid(), gen_random_uuid(), 'runner', 'execute_question', now(), 'started', id from executions";

/// A migrated database and a session that changes it.
struct Watched {
    database: Database,
    connection: PgConnection,
}

impl Watched {
    async fn new() -> Self {
        let database = Database::migrated(MIGRATIONS).await.unwrap();
        let connection = PgConnection::connect(database.url()).await.unwrap();
        Self { database, connection }
    }

    async fn execute(&mut self, sql: &str) {
        self.connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.unwrap();
    }

    async fn query(&mut self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&mut self.connection).await.unwrap()
    }

    /// Starts `watch` on the database.
    fn watch(&self, args: &[&str]) -> Running {
        Spanproof::new(".", &self.args(args)).spawn()
    }

    /// Runs `watch` on the database until it exits by itself.
    fn watch_to_end(&self, args: &[&str]) -> Output {
        run(".", &self.args(args))
    }

    fn args<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        [&["watch", "--config", SPEC, "--database", self.database.url()], args].concat()
    }

    async fn close(self) {
        self.connection.close().await.unwrap();
        self.database.close().await.unwrap();
    }
}

#[tokio::test]
async fn watch_prints_each_change_and_reports_missing_spans_immediately() {
    let mut watched = Watched::new().await;
    let mut watch = watched.watch(&[]);
    watched.execute(JOB).await;
    watch.line_with(&["job 1  processing  executions: 0  spans: 0"]);
    watched.execute(EXECUTIONS).await;
    let line = watch.line_with(&["job 1", "executions: 4 failed  spans: 0"]);
    assert!(line.ends_with("NO SPANS"), "{line}");
    watched.execute(SPANS).await;
    let line = watch.line_with(&["job 1", "spans: 4"]);
    assert!(!line.contains("NO SPANS") && !line.contains('\u{1b}'), "{line}");
    watch.signal(Signal::SIGINT);
    let Output { code, stderr, .. } = watch.output();
    assert_eq!(code, 130, "{stderr}");
    assert!(stderr.contains("(notifications and polling)"), "{stderr}");
    watched.close().await;
}

#[tokio::test]
async fn watch_exits_after_its_time_limit() {
    let watched = Watched::new().await;
    let Output { code, stderr, .. } = watched.watch_to_end(&["--for", "1s"]);
    assert_eq!(code, 0, "{stderr}");
    watched.close().await;
}

#[tokio::test]
async fn watch_exits_when_the_reader_closes_the_pipe() {
    let mut watched = Watched::new().await;
    watched.execute(JOB).await;
    let mut watch = watched.watch(&[]);
    watch.line_with(&["job 1"]);
    watch.close_stdout();
    watched.execute(EXECUTIONS).await;
    assert_eq!(watch.output().code, 0);
    watched.close().await;
}

#[tokio::test]
async fn watch_exits_after_a_time_without_changes() {
    let mut watched = Watched::new().await;
    watched.execute(&format!("{JOB};{EXECUTIONS};{SPANS}")).await;
    let start = Instant::now();
    let Output { code, stdout, stderr } = watched.watch_to_end(&["--until-idle", "1s"]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    assert!(start.elapsed() >= Duration::from_secs(1) && start.elapsed() < Duration::from_secs(20));
    watched.close().await;
}

#[tokio::test]
async fn watch_leaves_no_transaction_open_and_reconnects() {
    let mut watched = Watched::new().await;
    watched.execute(JOB).await;
    let mut watch = watched.watch(&[]);
    watch.line_with(&["job 1"]);
    let idle = "select count(*) from pg_stat_activity where application_name = 'spanproof watch' \
                and state like 'idle in transaction%' and datname = current_database()";
    assert_eq!(watched.query(idle).await, 0);
    let terminate = "select pg_terminate_backend(pid) from pg_stat_activity \
                     where application_name = 'spanproof watch' and datname = current_database()";
    watched.execute(terminate).await;
    watched.execute(EXECUTIONS).await;
    watch.line_with(&["job 1", "4 failed"]);
    watch.signal(Signal::SIGTERM);
    let Output { code, stderr, .. } = watch.output();
    assert_eq!(code, 143, "{stderr}");
    assert!(stderr.contains("lost the connection to the database"), "{stderr}");
    watched.close().await;
}

#[tokio::test]
async fn a_job_that_stays_without_spans_is_reported_twice() {
    let mut watched = Watched::new().await;
    watched.execute(&format!("{JOB};{EXECUTIONS}")).await;
    let mut watch = watched.watch(&[]);
    let line = watch.next_line();
    assert!(line.ends_with("spans: 0  NO SPANS"), "{line}");
    let line = watch.next_line();
    assert!(line.contains("spans: 0  NO SPANS for "), "{line}");
    watched.execute(SPANS).await;
    let line = watch.next_line();
    assert!(line.ends_with("spans: 4"), "{line}");
    watch.signal(Signal::SIGTERM);
    assert_eq!(watch.output().code, 143);
    watched.close().await;
}

#[tokio::test]
async fn many_notifications_cause_few_queries() {
    let mut watched = Watched::new().await;
    watched.execute(JOB).await;
    let mut watch = watched.watch(&["--channel", "my \"own\"", "--until-idle", "2s"]);
    watch.line_with(&["job 1"]);
    // Each poll is a transaction that is rolled back.
    let polls = "select xact_rollback from pg_stat_database where datname = current_database()";
    let before = watched.query(polls).await;
    watched
        .execute("select pg_notify('my \"own\"', n::text) from generate_series(1, 5000) n")
        .await;
    let Output { code, stderr, .. } = watch.output();
    assert_eq!(code, 0, "{stderr}");
    watched.execute("select pg_stat_clear_snapshot()").await;
    let after = watched.query(polls).await;
    assert!(after - before < 60, "{} polls", after - before);
    assert!(stderr.contains("(notifications and polling)"), "{stderr}");
    watched.close().await;
}

/// A large table of spans that refer to their unit by `execution_id` and have no `job_id`, without an
/// index on `execution_id`. The job's status has a line break and an escape sequence.
const UNINDEXED: &str = "
alter table jobs drop constraint jobs_status_check; update jobs set status = E'do\\nne\\x1b[2J';
drop index trace_spans_execution_id_idx;
insert into trace_spans (trace_id, span_id, service, operation, started_at, status, execution_id)
select gen_random_uuid(), gen_random_uuid(), 's', 'o', now(), 'started', n from generate_series(1, 110000) n;
analyze trace_spans";

#[tokio::test]
async fn spans_that_cannot_be_counted_are_not_reported_as_missing() {
    let mut watched = Watched::new().await;
    watched.execute(&format!("{JOB};{EXECUTIONS};{UNINDEXED}")).await;
    let Output { code, stdout, stderr } = watched.watch_to_end(&["--for", "1s"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("job 1  do ne [2J  executions: 4 failed  spans: ?\n"), "{stdout}");
    assert_eq!(stdout.lines().count(), 1, "{stdout:?}");
    let reason = "trace_spans by execution_id: no index supports this query";
    assert_eq!(stderr.matches(reason).count(), 1, "{stderr}");
    watched.close().await;
}

/// Regression test: in both databases the report showed `?` as the number of spans.
#[tokio::test]
async fn spans_are_counted_without_a_job_column_and_beside_spans_of_other_jobs() {
    // A table of spans without a column for their job.
    let mut watched = Watched::new().await;
    let sql = format!("{JOB};{EXECUTIONS}; alter table trace_spans drop column job_id cascade");
    watched.execute(&sql).await;
    let Output { stdout, stderr, .. } = watched.watch_to_end(&["--for", "1s"]);
    assert!(stdout.contains("executions: 4 failed  spans: 0"), "{stdout}{stderr}");
    watched.close().await;
    // Spans that name another job, and no unit.
    let mut watched = Watched::new().await;
    let other = "insert into jobs (jobspec_id, jobspec, status, route) values ('bias-2', '{}', 'processing', 'queued'); \
                 insert into trace_spans (trace_id, span_id, service, operation, started_at, status, job_id) \
                 select gen_random_uuid(), gen_random_uuid(), 'runner', 'execute_question', now(), 'started', 2";
    watched.execute(&format!("{JOB};{EXECUTIONS};{other}")).await;
    let Output { stdout, stderr, .. } = watched.watch_to_end(&["--for", "1s"]);
    assert!(
        stdout.contains("job 1  processing  executions: 4 failed  spans: 0"),
        "{stdout}{stderr}"
    );
    watched.close().await;
}

/// Row security hides every job. The message must not report that there are none.
#[tokio::test]
async fn watch_reports_that_row_security_may_hide_jobs() {
    let mut watched = Watched::new().await;
    watched
        .execute(
            "do $$ begin create role blind_watcher; exception when duplicate_object or unique_violation then null; end $$; \
             grant select on all tables in schema public to blind_watcher; alter table jobs enable row level security; \
             do $$ begin execute format('alter database %I set role = blind_watcher', current_database()); end $$",
        )
        .await;
    watched.execute(JOB).await;
    let Output { stderr, .. } = watched.watch_to_end(&["--for", "1s"]);
    assert!(stderr.contains("not read: row security may hide rows of `jobs`"), "{stderr}");
    watched.close().await;
}

#[test]
fn ctrl_c_stops_watch_while_the_database_does_not_answer() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://u@{}/d", silent.local_addr().unwrap());
    let mut watch = Spanproof::new(".", &["watch", "--config", SPEC, "--database", &url]).spawn();
    // Now `watch` has connected and waits for an answer.
    let (_connection, _) = silent.accept().unwrap();
    let start = Instant::now();
    watch.signal(Signal::SIGINT);
    assert_eq!(watch.status().code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

/// The escape sequence that switches to the alternate screen.
const ENTER: &str = "\u{1b}[?1049h";
/// The escape sequence that hides the cursor.
const HIDE_CURSOR: &str = "\u{1b}[?25l";
/// The escape sequences that show the cursor and leave the alternate screen.
const LEAVE: &str = "\u{1b}[?25h\u{1b}[?1049l";

#[tokio::test]
async fn watch_restores_the_terminal_after_its_time_limit_and_after_ctrl_c() {
    let mut watched = Watched::new().await;
    watched.execute(&format!("{JOB};{EXECUTIONS}")).await;
    let script =
        format!("spanproof watch --config '{SPEC}' --database '{}'", watched.database.url());
    let Output { stdout, .. } = Spanproof::terminal(".", &format!("{script} --for 2s")).output();
    assert!(stdout.contains(ENTER) && stdout.contains(HIDE_CURSOR), "{stdout:?}");
    assert!(stdout.contains("NO SPANS for 1 s"), "{stdout:?}");
    assert!(stdout.trim_end().ends_with(LEAVE), "{stdout:?}");

    let mut terminal = Spanproof::terminal(".", &script).spawn();
    let before = terminal.read_until("NO SPANS for 1 s");
    assert!(before.contains(ENTER) && before.contains(HIDE_CURSOR), "{before:?}");
    terminal.write("\u{3}");
    let Output { stdout, .. } = terminal.output();
    assert!(stdout.trim_end().ends_with(LEAVE), "{stdout:?}");
    watched.close().await;
}
