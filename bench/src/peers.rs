//! Measures the rows `sqlx-test`, `pgtemp`, `embedded` and `testcontainers` of the printed table:
//! tests that run one query in a migrated database. Each row compares the harness with one peer,
//! another library that gives tests a database. Each test is written in the usual way of its
//! library.
//!
//! A round runs a number of tests with one library in a child process of this program.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use clap::ValueEnum;
use sqlx::testing::{TestArgs, TestFn};
use testcontainers::core::{IntoContainerPort, Mount, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{GenericImage, ImageExt};

use crate::part::{Report, SideArguments, SideCommand, report};
use crate::place::Place;
use crate::plain::{self, Directory, PlainServer};
use crate::stats::{Times, milliseconds_since};
use crate::table::{Outcome, Row};
use crate::{proof, start};

/// Number of threads on which the tests of a round run.
const THREADS: usize = 2;
/// Number of tests per round.
const TESTS: usize = 100;
/// Number of tests per round for a peer that starts a server for each test.
const TESTS_OF_SLOW_PEER: usize = 6;

/// The library that gives the tests their databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Library {
    Ours,
    SqlxTest,
    Pgtemp,
    Embedded,
    Testcontainers,
}

/// Measures a row: runs rounds with the harness and with the peer, in turn.
pub fn measure(row: Row, place: &Place, samples: usize, image: &str) -> Result<Outcome> {
    let (library, count, min_speedup) = match row {
        Row::SqlxTest => (Library::SqlxTest, TESTS, 4.0),
        Row::Pgtemp => (Library::Pgtemp, TESTS_OF_SLOW_PEER, 40.0),
        Row::Embedded => (Library::Embedded, TESTS_OF_SLOW_PEER, 40.0),
        Row::Testcontainers => (Library::Testcontainers, TESTS_OF_SLOW_PEER, 50.0),
        other => bail!("{other} has no peer"),
    };
    let server = if library == Library::SqlxTest { Some(server_for_sqlx(place)?) } else { None };
    let (mut ours, mut theirs) = (Rounds::default(), Rounds::default());
    // Fills the cache.
    run_round(place, Library::Ours, 2, "", None)?;
    for _ in 0..samples.div_ceil(5) {
        ours.add(&run_round(place, Library::Ours, TESTS, "", None)?, TESTS)?;
        let url = server.as_ref().map(|(_, url)| url.as_str());
        theirs.add(&run_round(place, library, count, image, url)?, count)?;
    }
    if let Some((server, _)) = server {
        server.stop()?;
    }
    let (each_ours, each_theirs) = (Times::new(ours.each), Times::new(theirs.each));
    let outcome = Outcome::with_min_speedup(row, &each_ours, &each_theirs, min_speedup);
    Ok(outcome.with_note(format!(
        "each time is the duration of a round divided by its number of tests; a round runs {TESTS} \
         tests with the harness and starts its server, or {count} tests with the peer, on {THREADS} \
         threads; rounds per side: {}; a single test takes {} with the harness and {} with the peer",
        samples.div_ceil(5),
        Times::new(ours.tests).to_text(),
        Times::new(theirs.tests).to_text()
    )))
}

/// Times in milliseconds of all rounds of one library.
#[derive(Debug, Default)]
struct Rounds {
    /// For each round, the duration of the whole round divided by the number of tests.
    each: Vec<f64>,
    /// For each test of all rounds, the duration of this test alone.
    tests: Vec<f64>,
}

impl Rounds {
    fn add(&mut self, report: &Report, count: usize) -> Result<()> {
        proof::check_distinct(&report.texts("identity"), count)?;
        self.each.push(report.number("all")? / f64::from(u32::try_from(count)?));
        self.tests.extend(report.numbers("test"));
        Ok(())
    }
}

/// Runs `count` tests in a child process. `url` is the server for `#[sqlx::test]`; `None` for the
/// other libraries.
fn run_round(
    place: &Place,
    library: Library,
    count: usize,
    image: &str,
    url: Option<&str>,
) -> Result<Report> {
    let name = library.to_possible_value().context("the library has no name")?;
    let side = ["tests", name.get_name(), &count.to_string(), image];
    let start = SideCommand::new(place, &side).with(|command| {
        command.envs(url.map(|url| ("DATABASE_URL", url)));
        // pgtemp and postgresql_embedded can't run a server as root, or need `sudo` for it.
        if let (Library::Pgtemp | Library::Embedded, Some(user)) = (library, &place.user) {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw()).env("HOME", place.path("tmp"));
        }
        if place.disk {
            command.env("BENCH_ON_DISK", "1");
        }
    });
    start.run().with_context(|| format!("the tests with {} failed", name.get_name()))
}

/// Starts a server for `#[sqlx::test]`, which does not start a server itself. Returns the server
/// and its URL.
fn server_for_sqlx(place: &Place) -> Result<(PlainServer, String)> {
    let folder = start::new_folder(place, "sqlx-test")?;
    let directory = Directory { folder, binaries: place.binaries.clone() };
    let migrations = place.path("migrations");
    let server = tokio::runtime::Runtime::new()?
        .block_on(start::start_plain_server(&directory, &migrations))?;
    Ok((server, directory.url("postgres")))
}

/// Runs tests on two threads. Each test has its own runtime, as with `#[tokio::test]` and
/// `#[sqlx::test]`. Only the child process calls this.
pub fn run_tests(
    library: Library,
    count: usize,
    image: &str,
    arguments: &SideArguments,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let test = |number: usize| match library {
        Library::SqlxTest => test_sqlx(number, &arguments.migrations),
        Library::Ours => run_in_runtime(test_ours(&arguments.migrations)),
        Library::Pgtemp => run_in_runtime(test_pgtemp(arguments)),
        Library::Embedded => run_in_runtime(test_embedded(arguments)),
        Library::Testcontainers => run_in_runtime(test_container(image, &arguments.migrations)),
    };
    let work = || -> Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return Ok(());
            }
            let started = Instant::now();
            test(number)?;
            report("test", milliseconds_since(started));
        }
    };
    let started = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(anyhow!("a test of {library:?} panicked")))
        })
    })?;
    report("all", milliseconds_since(started));
    Ok(())
}

fn run_in_runtime(test: impl Future<Output = Result<String>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    report("identity", runtime.block_on(test)?);
    Ok(())
}

async fn test_ours(migrations: &Path) -> Result<String> {
    let database = spanproof_postgres::Database::migrated(migrations).await?;
    let identity = proof::connect_and_query(database.url()).await?;
    database.close().await?;
    Ok(identity)
}

/// Does what the expansion of `#[sqlx::test(migrations = "…")]` does.
fn test_sqlx(number: usize, migrations: &Path) -> Result<()> {
    static MIGRATOR: Mutex<Option<&'static sqlx::migrate::Migrator>> = Mutex::new(None);
    let migrator = {
        let mut migrator = MIGRATOR.lock().unwrap_or_else(PoisonError::into_inner);
        match *migrator {
            Some(migrator) => migrator,
            None => {
                let runtime = tokio::runtime::Builder::new_current_thread().build()?;
                let read = runtime.block_on(sqlx::migrate::Migrator::new(migrations))?;
                *migrator.insert(Box::leak(Box::new(read)))
            }
        }
    };
    let mut arguments =
        TestArgs::new(Box::leak(format!("bench::tests::number_{number}").into_boxed_str()));
    arguments.migrator(migrator);
    async fn test(pool: sqlx::PgPool) -> Result<()> {
        report("identity", proof::query(&pool).await?);
        Ok(())
    }
    (test as fn(sqlx::PgPool) -> _).run_test(arguments)
}

async fn test_pgtemp(arguments: &SideArguments) -> Result<String> {
    let builder = pgtemp::PgTempDB::builder().with_bin_path(&arguments.binaries);
    let server = builder.start_async().await;
    let url = server.connection_uri();
    drop(plain::connect_when_ready(&url).await?);
    plain::migrate(&url, &arguments.migrations).await?;
    let identity = proof::connect_and_query(&url).await?;
    server.shutdown();
    Ok(identity)
}

async fn test_embedded(arguments: &SideArguments) -> Result<String> {
    let installation =
        arguments.binaries.parent().context("the folder of the binaries has no parent")?;
    let mut settings = postgresql_embedded::Settings::new();
    installation.clone_into(&mut settings.installation_dir);
    settings.trust_installation_dir = true;
    settings.socket_dir = Some(settings.data_dir.with_extension("socket"));
    let mut server = postgresql_embedded::PostgreSQL::new(settings);
    server.setup().await?;
    server.start().await?;
    server.create_database("bench").await?;
    let url = server.settings().url("bench");
    plain::migrate(&url, &arguments.migrations).await?;
    let identity = proof::connect_and_query(&url).await?;
    server.stop().await?;
    drop(server);
    Ok(identity)
}

async fn test_container(image: &str, migrations: &Path) -> Result<String> {
    let (name, tag) = image.rsplit_once(':').unwrap_or((image, "latest"));
    let mut request = GenericImage::new(name, tag)
        .with_exposed_port(5432.tcp())
        .with_wait_for(WaitFor::Nothing)
        .with_env_var("POSTGRES_PASSWORD", "postgres")
        .with_cmd(["postgres", "-c", "fsync=off"]);
    if std::env::var_os("BENCH_ON_DISK").is_none() {
        request = request.with_mount(Mount::tmpfs_mount("/var/lib/postgresql/data"));
    }
    let container =
        request.start().await.with_context(|| format!("can't start a container of {image}"))?;
    let port = container.get_host_port_ipv4(5432).await?;
    let url = format!("postgres://postgres:postgres@127.0.0.1:{port}/postgres");
    drop(plain::connect_when_ready(&url).await?);
    plain::migrate(&url, migrations).await?;
    let identity = proof::connect_and_query(&url).await?;
    container.rm().await?;
    Ok(identity)
}
