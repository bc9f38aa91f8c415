//! Tests of the errors about leaked connections, failed migrations and servers that died. Also
//! tests of the blocking functions, which tests that are not async call.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use spanproof_lease::wait::{Attempt, until};
use spanproof_postgres::{Error, Options, Server, Source, blocking};
use sqlx::{Connection, PgConnection};

use crate::{chain, data_directory, migrations, query, table_migration};

#[tokio::test]
async fn a_leaked_connection_is_reported_and_its_database_is_dropped() {
    let server = Server::shared().await.unwrap();
    let database = server.empty_database().await.unwrap();
    let url = database.url().to_owned();
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    let options = options.application_name("a leaking test");
    let mut leaked = PgConnection::connect_with(&options).await.unwrap();
    sqlx::query("select 1, 'a secret', 'it''s'").execute(&mut leaked).await.unwrap();
    let name = database.name().to_owned();
    let error = database.close().await.unwrap_err();
    assert!(matches!(error, Error::Leaked { .. }), "{error}");
    let text = error.to_string();
    for part in [
        format!("database `{name}` was dropped with sessions still on it: process "),
        "(a leaking test), idle, last statement: select 1, '…', '…''…'; close".to_owned(),
        "close each connection, and each pool with `close().await`".to_owned(),
    ] {
        assert!(text.contains(&part), "expected {part}\nfound {text}");
    }
    let error = PgConnection::connect(&url).await.unwrap_err();
    let code = error.as_database_error().and_then(|error| error.code().map(String::from));
    // The database does not exist.
    assert_eq!(code.as_deref(), Some("3D000"), "{error}");
}

#[tokio::test]
async fn a_dropped_connection_is_not_a_leak() {
    let server = Server::shared().await.unwrap();
    for _ in 0..5 {
        let database = server.empty_database().await.unwrap();
        let pool = sqlx::PgPool::connect(database.url()).await.unwrap();
        sqlx::query("select 1").execute(&pool).await.unwrap();
        drop(pool);
        database.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_dead_server_is_reported_with_its_log() {
    let server = Server::start(Options::default()).await.unwrap();
    let database = server.empty_database().await.unwrap();
    let data = data_directory(&database).await;
    let file = std::fs::read_to_string(format!("{data}/postmaster.pid")).unwrap();
    let id: i32 = file.lines().next().unwrap().parse().unwrap();
    kill(Pid::from_raw(id), Signal::SIGKILL).unwrap();
    let error = server.empty_database().await.map_err(chain).unwrap_err();
    assert!(error.starts_with("the Postgres server in `"), "{error}");
    assert!(error.contains("ended with signal: 9 (SIGKILL)"), "{error}");
    assert!(error.contains("database system is ready to accept connections"), "{error}");
    drop(database);
    server.close().await.unwrap();
    assert!(!std::path::Path::new(&data).exists(), "{data} is left");
    // The fifth column is the process that created the segment.
    let memory = std::fs::read_to_string("/proc/sysvipc/shm").unwrap();
    let creators = memory.lines().skip(1).filter_map(|line| line.split_whitespace().nth(4));
    assert!(!creators.into_iter().any(|creator| creator == id.to_string()), "{memory}");
}

/// A crash of one session ends all other sessions, also those of the crate's own pool of connections.
#[tokio::test]
async fn connections_that_a_crash_ended_are_not_used_again() {
    let server = crate::start(Source::Binaries(None)).await.unwrap();
    let database = server.empty_database().await.unwrap();
    for _ in 0..3 {
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        let id: i32 =
            sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut connection).await.unwrap();
        kill(Pid::from_raw(id), Signal::SIGKILL).unwrap();
        let error = sqlx::query("select pg_sleep(60)").execute(&mut connection).await.unwrap_err();
        let closed = "the server closed the connection: it was stopped, or its session was killed";
        assert_eq!(spanproof_postgres::ServerError::from(error).to_string(), closed);
        let limit = std::time::Duration::from_secs(20);
        // Until the server has started again, it refuses logins.
        let restarted = until("the restart", limit, || async {
            match PgConnection::connect(database.url()).await {
                Ok(_) => Attempt::Done(()),
                Err(error) => Attempt::NotYet(error.to_string()),
            }
        });
        restarted.await.unwrap();
        server.own_processes().await.map_err(chain).unwrap();
        server.empty_database().await.unwrap().close().await.unwrap();
    }
    database.close().await.unwrap();
    server.close().await.unwrap();
}

#[tokio::test]
async fn a_failed_migration_is_reported_with_its_line_and_the_servers_message() {
    let server = Server::shared().await.unwrap();
    let (_folder, migrations) = migrations(&[
        ("0001_fine.up.sql", "create table a (n int);"),
        ("0002_broken.up.sql", "create table b (n int);\n\ncreate tabel c (n int);"),
    ]);
    let error = server.migrated_database(&migrations).await.unwrap_err();
    assert_eq!(error.server().unwrap().sqlstate(), Some("42601"));
    let text = "migration `0002_broken.up.sql`:3 failed: syntax error at or near \"tabel\" (SQLSTATE 42601)";
    assert_eq!(format!("{error:?}"), text, "`unwrap` prints the debug format");
    assert_eq!(chain(error), text);
}

#[tokio::test]
async fn an_unreachable_server_is_reported_without_its_password() {
    let source = Source::Url("postgres://someone:secret@127.0.0.1:1/db".into());
    let options = Options { source, ..Options::default() };
    let error = Server::start_ignoring_env(options).await.map_err(chain).unwrap_err();
    assert!(
        error.starts_with("could not log in to postgres://someone:***@127.0.0.1:1/db"),
        "{error}"
    );
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn a_test_that_is_not_async_gets_a_database() {
    let (folder, _migrations) = table_migration();
    let database = blocking::migrated(folder.path()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let rows = runtime.block_on(query::<i64>(&database, "select count(*) from a"));
    assert_eq!(rows, 0);
    blocking::close(database).unwrap();
}

/// An async test can call a blocking function, too, so the function must work inside a runtime.
#[tokio::test]
async fn a_blocking_call_works_inside_a_runtime() {
    let (_folder, migrations) = table_migration();
    let database = blocking::migrated(migrations.folder()).unwrap();
    assert!(database.url().starts_with("postgres://"));
    blocking::close(database).unwrap();
}

/// A server that does not stop in time is killed, and leaves a segment of shared memory. A file in
/// the server's folder names the segment. Both the folder and the segment must be removed.
#[tokio::test]
async fn a_server_that_hangs_leaves_no_shared_memory() {
    let server = crate::start(Source::Binaries(None)).await.unwrap();
    let database = server.empty_database().await.unwrap();
    let data = std::path::PathBuf::from(data_directory(&database).await);
    drop(database);
    let file = std::fs::read_to_string(data.join("postmaster.pid")).unwrap();
    let lines: Vec<&str> = file.lines().collect();
    let segment = lines[6].split_whitespace().last().unwrap().to_owned();
    let has_segment = move || {
        let segments = std::fs::read_to_string("/proc/sysvipc/shm").unwrap();
        segments.lines().any(|line| line.split_whitespace().nth(1) == Some(segment.as_str()))
    };
    assert!(has_segment(), "{file}");
    kill(Pid::from_raw(lines[0].parse().unwrap()), Signal::SIGSTOP).unwrap();
    drop(server);
    let limit = std::time::Duration::from_secs(30);
    let removed = tokio::task::spawn_blocking(move || {
        spanproof_lease::wait::block_until(limit, || !has_segment() && !data.exists())
    });
    assert!(removed.await.unwrap(), "segment or folder left: {file}");
}
