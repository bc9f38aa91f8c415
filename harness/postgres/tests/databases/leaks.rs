//! What goes wrong in a test is told where the database is closed.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use spanproof_postgres::{Error, Options, Server, blocking};
use sqlx::{Connection, PgConnection};

use super::{ask, chain, migrations};

#[tokio::test]
async fn a_connection_that_is_still_open_is_named_and_the_database_goes() {
    let server = Server::shared().await.unwrap();
    let database = server.empty().await.unwrap();
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
    let gone = PgConnection::connect(&url).await.unwrap_err();
    let code = gone.as_database_error().and_then(|error| error.code().map(String::from));
    assert_eq!(code.as_deref(), Some("3D000"), "{gone}");
}

#[tokio::test]
async fn a_connection_that_was_just_dropped_is_no_leak() {
    let server = Server::shared().await.unwrap();
    for _ in 0..5 {
        let database = server.empty().await.unwrap();
        let pool = sqlx::PgPool::connect(database.url()).await.unwrap();
        sqlx::query("select 1").execute(&pool).await.unwrap();
        drop(pool);
        database.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_dies_in_the_middle_is_told_with_its_last_words() {
    let server = Server::start(Options::default()).await.unwrap();
    let database = server.empty().await.unwrap();
    let data: String = ask(&database, "select current_setting('data_directory')").await;
    let file = std::fs::read_to_string(format!("{data}/postmaster.pid")).unwrap();
    let id: i32 = file.lines().next().unwrap().parse().unwrap();
    kill(Pid::from_raw(id), Signal::SIGKILL).unwrap();
    let error = server.empty().await.map_err(chain).unwrap_err();
    assert!(error.starts_with("the Postgres server in `"), "{error}");
    assert!(error.contains("ended with signal: 9 (SIGKILL)"), "{error}");
    assert!(error.contains("database system is ready to accept connections"), "{error}");
    drop(database);
    server.close().await.unwrap();
    assert!(!std::path::Path::new(&data).exists(), "{data} is left");
    let memory = std::fs::read_to_string("/proc/sysvipc/shm").unwrap();
    let makers = memory.lines().skip(1).filter_map(|line| line.split_whitespace().nth(4));
    assert!(!makers.into_iter().any(|maker| maker == id.to_string()), "{memory}");
}

#[test]
fn a_test_that_is_not_async_has_its_database_too() {
    let (folder, _migrations) = migrations(&[("0001_a.up.sql", "create table a (n int)")]);
    let database = blocking::migrated(folder.path()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let rows = runtime.block_on(ask::<i64>(&database, "select count(*) from a"));
    assert_eq!(rows, 0);
    blocking::close(database).unwrap();
}

/// A test that is async by its framework, and calls code that is not.
#[tokio::test]
async fn a_blocking_call_works_inside_of_a_runtime() {
    let (_folder, migrations) = migrations(&[("0001_a.up.sql", "create table a (n int)")]);
    let database = blocking::migrated(migrations.folder()).unwrap();
    assert!(database.url().starts_with("postgres://"));
    blocking::close(database).unwrap();
}
