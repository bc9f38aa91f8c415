//! Tests of the disposable Postgres: its sources (where a server comes from), databases, clones and
//! cache.
//!
//! The tests need server binaries on this machine. The Docker tests also need an image that is
//! already on this machine: set `SPANPROOF_TEST_IMAGE`, for instance to `postgres:16`, or to the
//! image that `fixtures/postgres-image/build` builds. No test pulls or builds an image. If the
//! variable is not set, the Docker tests check the error about an image that can't be pulled. If
//! Docker does not answer, they check the error about Docker. With `SPANPROOF_TEST_SOURCES=all`,
//! which `.ci/run` sets, the Docker tests fail if the variable is not set. Without the feature
//! `docker` there are no Docker tests.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod binaries;
mod cache;
mod clones;
mod conformance;
#[cfg(feature = "docker")]
mod containers;
#[cfg(feature = "download")]
mod download;
#[cfg(feature = "docker")]
mod engines;
mod existing;
mod failures;
mod prefix;
mod scripts;
mod sharing;
mod standby;
mod tcp;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use spanproof_postgres::{Database, Error, Migrations, Options, Server, Source};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// Starts a server from binaries, and creates a database on it.
async fn server_and_database() -> (Server, Database) {
    let server = start(Source::Binaries(None)).await.unwrap();
    let database = server.empty_database().await.unwrap();
    (server, database)
}

async fn start(source: Source) -> Result<Server, Error> {
    start_with(Options { source, ..Options::default() }).await
}

/// Starts a server. Panics if the environment would replace the source in `options`.
async fn start_with(options: Options) -> Result<Server, Error> {
    let overridden = options.clone().with_source_from_env()?;
    assert_eq!(
        options, overridden,
        "SPANPROOF_POSTGRES replaces the source of this test: unset it"
    );
    Server::start(options).await
}

/// Returns the image for the Docker tests; `None` if no image is set and not all sources are
/// required.
#[cfg(feature = "docker")]
fn test_image() -> Option<String> {
    let image = variable("SPANPROOF_TEST_IMAGE");
    let all = variable("SPANPROOF_TEST_SOURCES").is_some_and(|sources| sources == "all");
    assert!(
        image.is_some() || !all,
        "SPANPROOF_TEST_SOURCES=all, but SPANPROOF_TEST_IMAGE is not set"
    );
    image
}

#[cfg(any(feature = "docker", feature = "download"))]
#[expect(clippy::disallowed_methods, reason = "variables configure this suite")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Writes migrations, given as file names and contents, to a new folder and reads them.
fn migrations(files: &[(&str, &str)]) -> (tempfile::TempDir, Migrations) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let read = Migrations::read(folder.path()).unwrap();
    (folder, read)
}

/// Returns one migration, which creates the table `a`.
fn table_migration() -> (tempfile::TempDir, Migrations) {
    migrations(&[("0001_a.up.sql", "create table a (n int)")])
}

async fn log_in(database: &Database) -> PgConnection {
    PgConnection::connect(database.url()).await.unwrap()
}

async fn execute(database: &Database, sql: &str) {
    let mut connection = log_in(database).await;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Runs a query and returns its only value.
async fn query<T>(database: &Database, sql: &str) -> T
where
    T: sqlx::Type<sqlx::Postgres> + for<'r> sqlx::Decode<'r, sqlx::Postgres> + Send + Unpin,
{
    let mut connection = log_in(database).await;
    let value = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    value
}

/// Returns the names of all databases on the server of `url`.
async fn database_names(url: &str) -> BTreeSet<String> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let names = sqlx::query_scalar("select datname::text from pg_database")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    names.into_iter().collect()
}

async fn data_directory(database: &Database) -> String {
    query(database, "select current_setting('data_directory')").await
}

/// Returns an error with its causes in one line, as programs print it.
fn chain(error: Error) -> String {
    let error: Box<dyn std::error::Error> = error.into();
    let causes = std::iter::successors(Some(&*error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(feature = "docker")]
fn docker(arguments: &[&str]) -> Output {
    command(Path::new("docker")).args(arguments).output().unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the tests use `docker`, `tar` and Postgres programs"
)]
fn command(program: &Path) -> Command {
    Command::new(program)
}

/// Returns the standard output without surrounding white space.
fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Returns standard output and standard error.
fn all_output(output: &Output) -> String {
    format!("{}{}", stdout(output), String::from_utf8_lossy(&output.stderr))
}

/// Returns a command that runs one test of this suite in a process of its own.
fn single_test(program: &Path, test: &str) -> Command {
    let mut command = command(program);
    command.args(["--exact", test]);
    command
}

fn assert_passed(output: &Output) {
    let text = all_output(output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "the program did not run exactly one test: {text}");
}
