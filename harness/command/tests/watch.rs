//! Jobs, executions and spans as they arrive, over a pipe and on a terminal.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::disallowed_methods, reason = "a command that goes on while the test does")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use spanproof_postgres::Database;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

const SPEC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spanproof.toml");
const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
const COMMAND: &str = env!("CARGO_BIN_EXE_spanproof");

async fn database() -> (Database, PgConnection) {
    let database = Database::migrated(MIGRATIONS).await.unwrap();
    let connection = PgConnection::connect(database.url()).await.unwrap();
    (database, connection)
}

async fn run(connection: &mut PgConnection, sql: &str) {
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.unwrap();
}

fn watch(url: &str, more: &[&str]) -> Child {
    let args = ["watch", "--config", SPEC, "--database", url];
    let mut command = Command::new(COMMAND);
    command
        .args(args)
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// The next line that has all of these words; lines before it are passed over.
fn line(lines: &mut impl Iterator<Item = std::io::Result<String>>, words: &[&str]) -> String {
    let mut seen = Vec::new();
    for line in lines {
        let line = line.unwrap();
        if words.iter().all(|word| line.contains(word)) {
            return line;
        }
        seen.push(line);
    }
    unreachable_line(words, &seen)
}

fn unreachable_line(words: &[&str], seen: &[String]) -> String {
    assert!(seen.is_empty() && words.is_empty(), "no line has {words:?}: {seen:?}");
    String::new()
}

const JOB: &str = "insert into jobs (jobspec_id, jobspec, status, route) values ('bias-1', '{}', 'processing', 'queued')";
const WORK: &str = "insert into executions (job_id, region, model_id, question_id, status) \
    select 1, 'r' || n, 'm', 'q', 'failed' from generate_series(1, 4) n";
const SPANS: &str = "insert into trace_spans (trace_id, span_id, service, operation, started_at, status, execution_id) \
    select gen_random_uuid(), gen_random_uuid(), 'runner', 'execute_question', now(), 'started', id from executions";

fn kill(child: &Child, signal: nix::sys::signal::Signal) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, signal).unwrap();
}

#[tokio::test]
async fn each_change_is_a_line_and_work_without_spans_is_told_at_once() {
    let (database, mut connection) = database().await;
    let mut child = watch(database.url(), &[]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    run(&mut connection, JOB).await;
    line(&mut lines, &["job 1  processing  executions: 0  spans: 0"]);
    run(&mut connection, WORK).await;
    let told = line(&mut lines, &["job 1", "executions: 4 failed  spans: 0"]);
    assert!(told.ends_with("NO SPANS"), "{told}");
    run(&mut connection, SPANS).await;
    let told = line(&mut lines, &["job 1", "spans: 4"]);
    assert!(!told.contains("NO SPANS") && !told.contains('\u{1b}'), "{told}");
    kill(&child, nix::sys::signal::Signal::SIGINT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let mut notes = String::new();
    child.stderr.take().unwrap().read_to_string(&mut notes).unwrap();
    assert!(notes.contains("told of new jobs by the database"), "{notes}");
    connection.close().await.unwrap();
    database.close().await.unwrap();
}

#[tokio::test]
async fn it_ends_by_itself_when_asked_to_and_when_nobody_reads() {
    let (database, mut connection) = database().await;
    run(&mut connection, JOB).await;
    let mut child = watch(database.url(), &["--for", "1s"]);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut child = watch(database.url(), &[]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    line(&mut lines, &["job 1"]);
    drop(lines);
    run(&mut connection, WORK).await;
    assert_eq!(child.wait().unwrap().code(), Some(0), "it ends when its reader has gone");
    connection.close().await.unwrap();
    database.close().await.unwrap();
}

#[tokio::test]
async fn a_session_that_is_ended_is_opened_again_and_no_transaction_stays_open() {
    let (database, mut connection) = database().await;
    run(&mut connection, JOB).await;
    let mut child = watch(database.url(), &[]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    line(&mut lines, &["job 1"]);
    let idle = "select count(*) from pg_stat_activity where application_name = 'spanproof watch' \
                and state like 'idle in transaction%' and datname = current_database()";
    let idle: i64 = sqlx::query_scalar(idle).fetch_one(&mut connection).await.unwrap();
    assert_eq!(idle, 0);
    run(
        &mut connection,
        "select pg_terminate_backend(pid) from pg_stat_activity \
        where application_name = 'spanproof watch' and datname = current_database()",
    )
    .await;
    run(&mut connection, WORK).await;
    line(&mut lines, &["job 1", "4 failed"]);
    kill(&child, nix::sys::signal::Signal::SIGTERM);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    let mut notes = String::new();
    child.stderr.take().unwrap().read_to_string(&mut notes).unwrap();
    assert!(notes.contains("the database went away"), "{notes}");
    connection.close().await.unwrap();
    database.close().await.unwrap();
}

/// What a command that ends by itself prints: exit code, results, notes.
fn ended(mut child: Child) -> (Option<i32>, String, String) {
    let (mut out, mut notes) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut notes).unwrap();
    (child.wait().unwrap().code(), out, notes)
}

#[tokio::test]
async fn it_ends_when_nothing_has_changed_for_so_long() {
    let (database, mut connection) = database().await;
    run(&mut connection, &format!("{JOB};{WORK};{SPANS}")).await;
    let start = Instant::now();
    let (exit, out, notes) = ended(watch(database.url(), &["--until-idle", "1s"]));
    assert_eq!(exit, Some(0), "{notes}");
    assert_eq!(out.lines().count(), 1, "{out}");
    assert!(start.elapsed() >= Duration::from_secs(1) && start.elapsed() < Duration::from_secs(20));
    connection.close().await.unwrap();
    database.close().await.unwrap();
}

#[tokio::test]
async fn work_that_stays_without_spans_is_told_once_more() {
    let (database, mut connection) = database().await;
    run(&mut connection, &format!("{JOB};{WORK}")).await;
    let (_, out, _) = ended(watch(database.url(), &["--for", "6s"]));
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines.len(), 2, "{out}");
    assert!(lines[0].ends_with("spans: 0  NO SPANS"), "{out}");
    assert!(lines[1].contains("spans: 0  NO SPANS for "), "{out}");
    connection.close().await.unwrap();
    database.close().await.unwrap();
}

#[tokio::test]
async fn a_channel_of_ones_own_is_listened_to_and_a_flood_of_it_is_one_look() {
    let (database, mut connection) = database().await;
    run(&mut connection, JOB).await;
    let mut child = watch(database.url(), &["--channel", "my \"own\"", "--for", "4s"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    line(&mut lines, &["job 1"]);
    let looks = "select pg_stat_clear_snapshot(), xact_rollback from pg_stat_database where datname = current_database()";
    let count = async |connection: &mut PgConnection| -> i64 {
        sqlx::query_as::<_, ((), i64)>(looks).fetch_one(connection).await.unwrap().1
    };
    let before = count(&mut connection).await;
    let flood = "select pg_notify('my \"own\"', n::text) from generate_series(1, 5000) n";
    run(&mut connection, flood).await;
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let after = count(&mut connection).await;
    assert!(after - before < 60, "{} looks", after - before);
    let mut notes = String::new();
    child.stderr.take().unwrap().read_to_string(&mut notes).unwrap();
    assert!(notes.contains("told of new jobs by the database"), "{notes}");
    connection.close().await.unwrap();
    database.close().await.unwrap();
}

/// Spans that name their execution only, in a big table without an index for it.
const UNINDEXED: &str = "
alter table jobs drop constraint jobs_status_check; update jobs set status = E'do\\nne\\x1b[2J';
drop index trace_spans_execution_id_idx;
insert into trace_spans (trace_id, span_id, service, operation, started_at, status, execution_id)
select gen_random_uuid(), gen_random_uuid(), 's', 'o', now(), 'started', n from generate_series(1, 110000) n;
analyze trace_spans";

#[tokio::test]
async fn spans_that_could_not_be_looked_for_are_not_said_to_be_missing() {
    let (database, mut connection) = database().await;
    run(&mut connection, &format!("{JOB};{WORK};{UNINDEXED}")).await;
    let (exit, out, notes) = ended(watch(database.url(), &["--for", "1s"]));
    assert_eq!(exit, Some(0), "{notes}");
    assert!(out.contains("job 1  do ne [2J  executions: 4 failed  spans: ?\n"), "{out}");
    assert_eq!(out.lines().count(), 1, "{out:?}");
    let said = "trace_spans by execution_id: no index serves it";
    assert_eq!(notes.matches(said).count(), 1, "{notes}");
    connection.close().await.unwrap();
    database.close().await.unwrap();
}

#[test]
fn ctrl_c_ends_it_while_a_database_does_not_answer() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://u@{}/d", silent.local_addr().unwrap());
    let mut child = watch(&url, &[]);
    // It has asked: from here on it waits for an answer.
    let (_asked, _) = silent.accept().unwrap();
    let start = Instant::now();
    kill(&child, nix::sys::signal::Signal::SIGINT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

/// `script` gives a terminal to whoever wants one.
#[tokio::test]
async fn a_terminal_is_drawn_on_and_given_back() {
    let (database, mut connection) = database().await;
    run(&mut connection, &format!("{JOB};{WORK}")).await;
    for (more, signal) in [(" --for 2s", None), ("", Some("INT"))] {
        let quoted = |text: &str| format!("'{text}'");
        let command = format!(
            "{} watch --config {} --database {}{more}",
            quoted(COMMAND),
            quoted(SPEC),
            quoted(database.url())
        );
        let killing = signal.map(|name| format!("timeout --foreground -s {name} 2 {command}"));
        let mut script = Command::new("script");
        script
            .args(["-qec", killing.as_deref().unwrap_or(&command), "/dev/null"])
            .stdin(Stdio::null());
        let start = Instant::now();
        let output = script.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("\u{1b}[?1049h") && text.contains("\u{1b}[?25l"), "{text:?}");
        assert!(text.trim_end().ends_with("\u{1b}[?25h\u{1b}[?1049l"), "{text:?}");
        assert!(text.contains("NO SPANS for 1 s"), "{text:?}");
        assert!(start.elapsed() < Duration::from_secs(30));
    }
    connection.close().await.unwrap();
    database.close().await.unwrap();
}
