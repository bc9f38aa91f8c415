//! Rows `sqlx-test`, `pgtemp`, `embedded`, `testcontainers`: a test of one query in a migrated
//! database, written in the way of each library.

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

use crate::part::{Arguments, Report, Start, report};
use crate::place::Place;
use crate::plain::{self, Directory, PlainServer};
use crate::stats::{Times, milliseconds};
use crate::table::{Outcome, Row};
use crate::{proof, start};

const THREADS: usize = 2;
const TESTS: usize = 100;
/// Tests of a peer that starts a server for each test.
const FEW: usize = 6;

/// The library that provides the databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Ours,
    SqlxTest,
    Pgtemp,
    Embedded,
    Testcontainers,
}

/// Runs the same number of rounds for both sides, in turn.
pub fn measure(row: Row, place: &Place, samples: usize, image: &str) -> Result<Outcome> {
    let (kind, count, least) = match row {
        Row::SqlxTest => (Kind::SqlxTest, TESTS, 4.0),
        Row::Pgtemp => (Kind::Pgtemp, FEW, 40.0),
        Row::Embedded => (Kind::Embedded, FEW, 40.0),
        Row::Testcontainers => (Kind::Testcontainers, FEW, 50.0),
        other => bail!("{other} has no peer"),
    };
    let server = if kind == Kind::SqlxTest { Some(server_for_sqlx(place)?) } else { None };
    let (mut ours, mut theirs) = (Rounds::default(), Rounds::default());
    // Fills the cache.
    round(place, Kind::Ours, 2, "", None)?;
    for _ in 0..samples.div_ceil(5) {
        ours.add(&round(place, Kind::Ours, TESTS, "", None)?, TESTS)?;
        let url = server.as_ref().map(|(_, url)| url.as_str());
        theirs.add(&round(place, kind, count, image, url)?, count)?;
    }
    if let Some((server, _)) = server {
        server.stop()?;
    }
    let outcome = Outcome::faster(row, &Times::new(ours.each), &Times::new(theirs.each), least);
    Ok(outcome.note(format!(
        "time of all tests divided by their number, on {THREADS} threads: {TESTS} of our tests, \
         including the start of our server, and {count} of the peer's, {} rounds each; a single test \
         takes {} and {}",
        samples.div_ceil(5),
        Times::new(ours.tests).to_text(),
        Times::new(theirs.tests).to_text()
    )))
}

#[derive(Debug, Default)]
struct Rounds {
    each: Vec<f64>,
    tests: Vec<f64>,
}

impl Rounds {
    fn add(&mut self, report: &Report, count: usize) -> Result<()> {
        proof::distinct(&report.texts("identity"), count)?;
        self.each.push(report.number("all")? / f64::from(u32::try_from(count)?));
        self.tests.extend(report.numbers("test"));
        Ok(())
    }
}

fn round(
    place: &Place,
    kind: Kind,
    count: usize,
    image: &str,
    url: Option<&str>,
) -> Result<Report> {
    let name = kind.to_possible_value().context("a kind without a name")?;
    let side = ["tests", name.get_name(), &count.to_string(), image];
    let start = Start::new(place, &side).with(|command| {
        command.envs(url.map(|url| ("DATABASE_URL", url)));
        // These two can't run a server as root, or need `sudo` for it.
        if let (Kind::Pgtemp | Kind::Embedded, Some(user)) = (kind, &place.user) {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw()).env("HOME", place.path("tmp"));
        }
        if place.disk {
            command.env("BENCH_ON_DISK", "1");
        }
    });
    start.finish().with_context(|| format!("tests of {}", name.get_name()))
}

/// Starts the server that `#[sqlx::test]` needs.
fn server_for_sqlx(place: &Place) -> Result<(PlainServer, String)> {
    let folder = start::new_folder(place, "sqlx-test")?;
    let directory = Directory { folder, binaries: place.binaries.clone() };
    let migrations = place.path("migrations");
    let server = tokio::runtime::Runtime::new()?.block_on(start::plain(&directory, &migrations))?;
    Ok((server, directory.url("postgres")))
}

/// Runs tests on two threads, each in its own runtime, like `#[tokio::test]` and `#[sqlx::test]`.
/// Runs in a separate process.
pub fn tests(kind: Kind, count: usize, image: &str, arguments: &Arguments) -> Result<()> {
    let next = AtomicUsize::new(0);
    let test = |number: usize| match kind {
        Kind::SqlxTest => sqlx_test(number, &arguments.migrations),
        Kind::Ours => in_runtime(ours(&arguments.migrations)),
        Kind::Pgtemp => in_runtime(pgtemp(arguments)),
        Kind::Embedded => in_runtime(embedded(arguments)),
        Kind::Testcontainers => in_runtime(container(image, &arguments.migrations)),
    };
    let work = || -> Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return Ok(());
            }
            let started = Instant::now();
            test(number)?;
            report("test", milliseconds(started));
        }
    };
    let started = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(anyhow!("a test of {kind:?} panicked")))
        })
    })?;
    report("all", milliseconds(started));
    Ok(())
}

fn in_runtime(test: impl Future<Output = Result<String>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    report("identity", runtime.block_on(test)?);
    Ok(())
}

async fn ours(migrations: &Path) -> Result<String> {
    let database = spanproof_postgres::Database::migrated(migrations).await?;
    let identity = proof::visit(database.url()).await?;
    database.close().await?;
    Ok(identity)
}

/// The expansion of `#[sqlx::test(migrations = "…")]`.
fn sqlx_test(number: usize, migrations: &Path) -> Result<()> {
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

async fn pgtemp(arguments: &Arguments) -> Result<String> {
    let builder = pgtemp::PgTempDB::builder().with_bin_path(&arguments.binaries);
    let server = builder.start_async().await;
    let url = server.connection_uri();
    drop(plain::connect_when_ready(&url).await?);
    plain::migrate(&url, &arguments.migrations).await?;
    let identity = proof::visit(&url).await?;
    server.shutdown();
    Ok(identity)
}

async fn embedded(arguments: &Arguments) -> Result<String> {
    let installation = arguments.binaries.parent().context("binaries without a folder")?;
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
    let identity = proof::visit(&url).await?;
    server.stop().await?;
    drop(server);
    Ok(identity)
}

async fn container(image: &str, migrations: &Path) -> Result<String> {
    let (name, tag) = image.rsplit_once(':').unwrap_or((image, "latest"));
    let mut request = GenericImage::new(name, tag)
        .with_exposed_port(5432.tcp())
        .with_wait_for(WaitFor::Nothing)
        .with_env_var("POSTGRES_PASSWORD", "postgres")
        .with_cmd(["postgres", "-c", "fsync=off"]);
    if std::env::var_os("BENCH_ON_DISK").is_none() {
        request = request.with_mount(Mount::tmpfs_mount("/var/lib/postgresql/data"));
    }
    let container = request.start().await.with_context(|| format!("no container of {image}"))?;
    let port = container.get_host_port_ipv4(5432).await?;
    let url = format!("postgres://postgres:postgres@127.0.0.1:{port}/postgres");
    drop(plain::connect_when_ready(&url).await?);
    plain::migrate(&url, migrations).await?;
    let identity = proof::visit(&url).await?;
    container.rm().await?;
    Ok(identity)
}
