//! The disposable Postgres: its databases, its cache, its pool.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod cache;
mod leaks;
mod pool;
mod prefix;
mod sharing;

use spanproof_postgres::{Database, Error, Migrations, Options, Server, Source};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// An error with its causes in one line, as programs print it.
fn chain(error: Error) -> String {
    let error: Box<dyn std::error::Error> = error.into();
    let causes = std::iter::successors(Some(&*error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

async fn ask<T>(database: &Database, sql: &str) -> T
where
    T: sqlx::Type<sqlx::Postgres> + for<'r> sqlx::Decode<'r, sqlx::Postgres> + Send + Unpin,
{
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let answer = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    answer
}

fn migrations(files: &[(&str, &str)]) -> (tempfile::TempDir, Migrations) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let read = Migrations::read(folder.path()).unwrap();
    (folder, read)
}

#[tokio::test]
async fn a_clone_has_the_migrations_applied_and_belongs_to_its_holder() {
    let server = Server::start(Options::default()).await.unwrap();
    let (_folder, migrations) = migrations(&[("0001_a.up.sql", "create table a (n int)")]);
    let one = server.migrated(&migrations).await.unwrap();
    let other = server.migrated(&migrations).await.unwrap();
    let mut connection = PgConnection::connect(one.url()).await.unwrap();
    sqlx::query("insert into a values (1)").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert_eq!(ask::<i64>(&other, "select count(*) from a").await, 0);
    one.close().await.unwrap();
    other.close().await.unwrap();
    server.close().await.unwrap();
}

#[tokio::test]
async fn a_migration_that_fails_is_named_with_its_line_and_the_servers_message() {
    let server = Server::shared().await.unwrap();
    let (_folder, migrations) = migrations(&[
        ("0001_fine.up.sql", "create table a (n int);"),
        ("0002_broken.up.sql", "create table b (n int);\n\ncreate tabel c (n int);"),
    ]);
    let error = server.migrated(&migrations).await.unwrap_err();
    assert_eq!(error.server().unwrap().sqlstate(), Some("42601"));
    let text = "migration `0002_broken.up.sql`:3 failed: syntax error at or near \"tabel\" (SQLSTATE 42601)";
    assert_eq!(format!("{error:?}"), text, "what `unwrap` prints");
    assert_eq!(chain(error), text);
}

#[tokio::test]
async fn a_server_that_can_not_be_reached_is_named_without_its_password() {
    let source = Source::Url("postgres://someone:secret@127.0.0.1:1/db".into());
    let error =
        Server::start(Options { source, ..Options::default() }).await.map_err(chain).unwrap_err();
    assert!(
        error.starts_with("could not log in to postgres://someone:***@127.0.0.1:1/db"),
        "{error}"
    );
    assert!(!error.contains("secret"), "{error}");
}
