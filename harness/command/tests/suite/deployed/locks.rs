//! Tests that a command only reads the database of an existing system, in one transaction. The command
//! must not wait long for other sessions, and must not make other sessions wait.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rstest::rstest;
use spanproof_lease::wait::{Attempt, until};
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::production::{LOG, Production};
use crate::run::Output;

/// Each statement between `begin` and `rollback` must start with one of these texts.
const ALLOWED_STARTS: [&str; 6] = [
    "set local ",
    "savepoint statement",
    "rollback to savepoint statement",
    "select ",
    "explain (format json) ",
    "with ",
];
/// Words that occur only in statements that lock or write.
const FORBIDDEN: [&str; 12] = [
    "insert", "update", "delete", "merge", "truncate", "create", "alter", "drop", "lock", "share",
    "nextval", "setval",
];
/// Time limit for a session to wait for a lock.
const LOCK_WAIT_TIMEOUT: Duration = Duration::from_secs(20);
/// Time limit for a command that waits at most 500 ms for each lock. Long enough for a busy machine.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(15);

/// Returns the statements that the server logged for the database, in lower case and each on one
/// line. The database needs `log_statement = all`.
async fn statements(production: &Production) -> Vec<String> {
    let texts = production.log().await.into_iter().filter_map(|entry| {
        let (kind, sql) = entry.message.split_once(": ")?;
        let is_statement = kind == "statement" || kind.starts_with("execute ");
        is_statement.then(|| sql.to_lowercase())
    });
    // The first message of a session contains several statements.
    let single = texts.flat_map(|text| {
        let texts =
            if text.starts_with("begin") { text.split(';').collect() } else { vec![&*text] };
        texts.into_iter().map(str::to_owned).collect::<Vec<_>>()
    });
    single.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[rstest]
#[case::diagnose("diagnose", &["--log", LOG], 1)]
#[case::diagnose_one_job("diagnose", &["--job", "469", "--log", LOG], 1)]
#[case::capture("capture", &["--job", "469", "--log", LOG, "-oout.jsonl"], 0)]
#[case::traces("traces", &["--job", "469"], 4)]
#[tokio::test]
async fn a_command_sends_one_read_only_transaction(
    #[case] command: &str,
    #[case] args: &[&str],
    #[case] expected_code: i32,
) {
    let mut production = Production::new("").await;
    let log_statements = "do $$ begin execute \
                          format('alter database %I set log_statement = ''all''', \
                          current_database()); end $$";
    production.execute(log_statements).await;
    let Output { code, stdout, stderr } = production.command(command, args).output_async().await;
    assert_eq!(code, expected_code, "{stdout}{stderr}");
    let statements = statements(&production).await;
    let (first, rest) = statements.split_first().unwrap();
    assert_eq!(first, "begin transaction isolation level repeatable read, read only");
    let (last, rest) = rest.split_last().unwrap();
    assert_eq!(last, "rollback");
    assert!(rest.iter().any(|sql| sql.starts_with("select ")), "{rest:#?}");
    for sql in rest {
        assert!(ALLOWED_STARTS.iter().any(|start| sql.starts_with(start)), "{sql}");
        let words: BTreeSet<_> = sql.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        assert!(FORBIDDEN.iter().all(|word| !words.contains(word)), "{sql}");
        assert!(!sql.contains("pg_advisory"), "{sql}");
    }
    production.close().await;
}

#[tokio::test]
async fn diagnose_does_not_wait_for_an_uncommitted_write() {
    let mut production = Production::new("").await;
    production.execute("begin; update jobs set status = 'queued'; delete from executions").await;
    let Output { code, stdout, stderr } = production.diagnose(&[]).await;
    assert_eq!(code, 1, "{stdout}{stderr}");
    assert!(stdout.contains("FAIL path-not-executed (jobs 469, 470, 471, 472)"), "{stdout}");
    assert!(!stdout.contains("lock timeout"), "{stdout}");
    production.execute("commit").await;
    production.close().await;
}

/// While `diagnose` waits for a locked table, it holds locks on other tables. A session that writes
/// to these tables must not wait.
#[tokio::test]
async fn diagnose_skips_a_locked_table_and_blocks_no_writer() {
    let mut production = Production::new("").await;
    production.execute("begin; lock table executions in access exclusive mode").await;
    let mut writer = production.connect().await;
    let mut observer = production.connect().await;
    let start = Instant::now();
    let (Output { code, stdout, stderr }, modes) = tokio::join!(production.diagnose(&[]), async {
        let modes = lock_modes(&mut observer).await;
        let write = "begin; set local lock_timeout = 1; update jobs set jobspec_id = jobspec_id; \
                         delete from trace_spans; commit";
        writer.execute(sqlx::raw_sql(write)).await.unwrap();
        modes
    });
    assert_eq!(code, 1, "{stdout}{stderr}");
    assert!(stdout.contains("canceling statement due to lock timeout"), "{stdout}{stderr}");
    assert!(start.elapsed() < COMMAND_TIMEOUT, "{:?}", start.elapsed());
    assert_eq!(modes, ["AccessShareLock"]);
    writer.close().await.unwrap();
    observer.close().await.unwrap();
    production.close().await;
}

/// Waits until a session of spanproof waits for a lock. Returns the modes of all locks on tables
/// that this session holds or waits for.
async fn lock_modes(observer: &mut PgConnection) -> Vec<String> {
    let locks = "select coalesce(array_agg(distinct l.mode), '{}') from pg_locks l \
                 join pg_stat_activity a using (pid) where a.datname = current_database() \
                 and a.application_name like 'spanproof%' and a.wait_event_type = 'Lock' \
                 and l.locktype = 'relation'";
    let observer = tokio::sync::Mutex::new(observer);
    let modes = until("a wait for the lock", LOCK_WAIT_TIMEOUT, || async {
        let mut observer = observer.lock().await;
        let modes: Vec<String> =
            sqlx::query_scalar(locks).fetch_one(&mut **observer).await.unwrap();
        if modes.is_empty() { Attempt::NotYet("no lock".into()) } else { Attempt::Done(modes) }
    });
    modes.await.unwrap()
}

#[tokio::test]
async fn a_terminated_session_is_reported() {
    let mut production = Production::new("").await;
    production.execute("begin; lock table executions in access exclusive mode").await;
    let mut other = production.connect().await;
    let (Output { code, stdout, stderr }, ()) = tokio::join!(production.diagnose(&[]), async {
        lock_modes(&mut other).await;
        let terminate = "select pg_terminate_backend(pid) from pg_stat_activity \
                         where application_name = 'spanproof diagnose' \
                         and datname = current_database()";
        other.execute(terminate).await.unwrap();
    });
    assert_eq!(code, 3, "{stdout}{stderr}");
    let expected = "the connection to the database was lost during `executions by job_id`";
    assert!(stderr.contains(expected), "expected {expected}\nfound {stderr}");
    other.close().await.unwrap();
    production.close().await;
}
