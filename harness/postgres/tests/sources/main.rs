//! Every source of a disposable Postgres keeps the same promises, and says clearly when it can't.
//!
//! The binaries and the URL need server binaries on this machine. Docker needs an image that can be
//! run at once: name it in `SPANPROOF_TEST_IMAGE`, for instance `postgres:16`, or what
//! `fixtures/postgres-image/build` built. Where the variable is not set nothing is pulled or built,
//! and the Docker cases check instead that an image that can't be had is a clear error, whether or
//! not there is Docker; without the feature `docker` there are none. With `SPANPROOF_TEST_SOURCES=all` that is a failure: `.ci/run` sets it.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod binaries;
mod conformance;
#[cfg(feature = "docker")]
mod containers;
#[cfg(feature = "download")]
mod download;
#[cfg(feature = "docker")]
mod engines;
mod given;
mod standby;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use spanproof_postgres::{Database, Error, Options, Server, Source};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// A server of our own from binaries, and a database on it.
async fn own() -> (Server, Database) {
    let server = start(Source::Binaries(None), None).await.unwrap();
    let database = server.empty().await.unwrap();
    (server, database)
}

async fn start(source: Source, version: Option<u32>) -> Result<Server, Error> {
    let options = Options { source, version, ..Options::default() };
    let overridden = options.clone().overridden()?;
    assert_eq!(options, overridden, "unset SPANPROOF_POSTGRES: it would replace every source");
    Server::start(options).await
}

/// The image for the Docker cases. Without one they check something else, unless all of the
/// sources are asked for.
#[cfg(feature = "docker")]
fn test_image() -> Option<String> {
    let image = variable("SPANPROOF_TEST_IMAGE");
    let all = variable("SPANPROOF_TEST_SOURCES").is_some_and(|wanted| wanted == "all");
    assert!(
        image.is_some() || !all,
        "SPANPROOF_TEST_SOURCES=all, and SPANPROOF_TEST_IMAGE names no image"
    );
    image
}

#[cfg(any(feature = "docker", feature = "download"))]
#[expect(clippy::disallowed_methods, reason = "the variables of this suite")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

async fn login(database: &Database) -> PgConnection {
    PgConnection::connect(database.url()).await.unwrap()
}

async fn run(database: &Database, sql: &str) {
    let mut connection = login(database).await;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

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
    let mut connection = login(database).await;
    let answer = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    answer
}

async fn databases(url: &str) -> BTreeSet<String> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let names = sqlx::query_scalar("select datname::text from pg_database")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    names.into_iter().collect()
}

async fn data_directory(database: &Database) -> String {
    ask(database, "select current_setting('data_directory')").await
}

#[cfg(feature = "docker")]
fn docker(arguments: &[&str]) -> Output {
    command(Path::new("docker")).args(arguments).output().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a look from outside at what is left")]
fn command(program: &Path) -> Command {
    Command::new(program)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// This program once more, for one of its cases; it may be changed before it is run.
fn once_more(program: &Path, case: &str) -> Command {
    let mut command = command(program);
    command.args(["--exact", case]);
    command
}

fn passed(output: &Output) {
    let text = both(output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "a renamed case would never run: {text}");
}

fn both(output: &Output) -> String {
    format!("{}{}", said(output), String::from_utf8_lossy(&output.stderr))
}
