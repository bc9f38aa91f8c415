//! Measures three rows of the printed table. Rows `cold` and `warm` are the time from the start of
//! a process to the result of the first query on its new server. Row `stop` is the time to stop the
//! server.
//!
//! The harness is compared with a plain server: a Postgres server that is started without the
//! harness. Each server runs in a child process of this program.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use spanproof_postgres::{Migrations, Options, Server};

use crate::part::{Report, SideCommand, report};
use crate::place::Place;
use crate::plain::{Directory, migrate};
use crate::proof;
use crate::stats::{Times, milliseconds_since};
use crate::table::{Outcome, Row};

/// Longest wait until process, folder and shared memory of a stopped server are gone.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Compares the harness, whose cache is empty, with a plain server in a new data directory.
pub fn cold(place: &Place, samples: usize) -> Result<Outcome> {
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for number in 0..samples {
        let cache = place.path(&format!("cache-{number}"));
        let side = SideCommand::new(place, &["ours"]).with(|command| {
            command.env("XDG_CACHE_HOME", &cache);
        });
        ours.push(side.run()?.number("first")?);
        ensure!(cache.join("spanproof/postgres").is_dir(), "nothing was cached");
        std::fs::remove_dir_all(&cache)?;
        let folder = new_folder(place, &format!("new-{number}"))?;
        plain.push(SideCommand::new(place, &["plain-new", text(&folder)?]).run()?.number("first")?);
        std::fs::remove_dir_all(&folder)?;
    }
    Ok(Outcome::with_max_ratio(Row::Cold, &Times::new(ours), &Times::new(plain), 1.15))
}

/// Compares the harness, whose cache is filled, with a plain server in an existing data directory.
pub fn warm(place: &Place, samples: usize) -> Result<Outcome> {
    let folder = new_folder(place, "existing")?;
    SideCommand::new(place, &["plain-new", text(&folder)?]).run()?;
    // Fills the cache.
    run_ours(place)?;
    let (mut ours, mut plain, mut reports) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..samples {
        let report = run_ours(place)?;
        ours.push(report.number("first")?);
        reports.push(report);
        plain.push(
            SideCommand::new(place, &["plain-existing", text(&folder)?]).run()?.number("first")?,
        );
    }
    let ours = Times::new(ours);
    let median = |name| {
        Times::new(reports.iter().flat_map(|report| report.numbers(name)).collect()).median()
    };
    let outcome =
        Outcome::with_max_ratio(Row::Warm, &ours, &Times::new(plain), 1.6).with_note(format!(
            "server start {:.1}, database {:.1}, query {:.1}",
            median("server"),
            median("database"),
            median("query")
        ));
    // The goal in milliseconds applies only to data in memory.
    Ok(if place.disk { outcome } else { outcome.with_goal(ours.median() <= 80.0, "<= 80 ms") })
}

/// Measures the time from the call of `close` until the server's process, folder and shared memory are gone.
pub fn stop(place: &Place, samples: usize) -> Result<Outcome> {
    run_ours(place)?;
    let mut reports = Vec::new();
    for _ in 0..samples {
        reports.push(run_ours(place)?);
    }
    let numbers = |report: &Report, name: &str| report.numbers(name);
    let all = |name| Times::new(reports.iter().flat_map(|report| numbers(report, name)).collect());
    let times = all("stop");
    let outcome = Outcome {
        row: Row::Stop,
        ours: times.to_text(),
        other: "-".to_owned(),
        ratio: "-".to_owned(),
        goal: String::new(),
        reached: true,
        notes: vec![format!("close() returned after {:.1}", all("close").median())],
    };
    Ok(outcome.with_goal(times.median() <= 50.0, "<= 50 ms"))
}

fn run_ours(place: &Place) -> Result<Report> {
    SideCommand::new(place, &["ours"]).run()
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("the path {} is not UTF-8", path.display()))
}

/// Creates a folder that a plain server can write to.
pub fn new_folder(place: &Place, name: &str) -> Result<PathBuf> {
    let folder = place.path("servers").join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir(&folder)?;
    place.chown_to_server_user(&folder)?;
    Ok(folder)
}

/// Starts a server with the harness, runs the first query, creates a second database, and stops the
/// server. Reports times in milliseconds: `first` is the time to the first result, and the sum of
/// `server`, `database` and `query`. Only the child process calls this.
pub async fn measure_ours(folder: &Path, started: Instant) -> Result<()> {
    let migrations = Migrations::read(folder)?;
    let options = Options { migrations: Some(migrations.clone()), ..Options::default() };
    let server = Server::start(options).await?;
    let server_ms = milliseconds_since(started);
    let one = server.migrated_database(&migrations).await?;
    let database_ms = milliseconds_since(started);
    let first = proof::connect_and_query(one.url()).await?;
    let query_ms = milliseconds_since(started);
    report("first", query_ms);
    report("server", server_ms);
    report("database", database_ms - server_ms);
    report("query", query_ms - database_ms);
    let two = server.migrated_database(&migrations).await?;
    proof::check_distinct(&[first, proof::connect_and_query(two.url()).await?], 2)?;
    let resources = ServerResources::from_url(one.url())?;
    let stop_started = Instant::now();
    server.close().await?;
    report("close", milliseconds_since(stop_started));
    while resources.exist() {
        ensure!(
            stop_started.elapsed() < STOP_TIMEOUT,
            "{resources:?} still exist after {STOP_TIMEOUT:?}"
        );
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    report("stop", milliseconds_since(stop_started));
    Ok(())
}

/// Starts a plain server in a new directory and runs the first query. Only the child process calls
/// this.
pub async fn measure_plain_new(
    directory: &Directory,
    migrations: &Path,
    started: Instant,
) -> Result<()> {
    directory.initdb()?;
    let server = directory.spawn()?;
    directory.create_migrated("bench", migrations).await?;
    proof::connect_and_query(&directory.url("bench")).await?;
    report("first", milliseconds_since(started));
    server.stop()
}

/// Starts a plain server in a directory with a migrated database and runs the first query. Only the
/// child process calls this.
pub async fn measure_plain_existing(directory: &Directory, started: Instant) -> Result<()> {
    let server = directory.spawn()?;
    let mut connection = directory.connect("bench").await?;
    proof::query(&mut connection).await?;
    report("first", milliseconds_since(started));
    drop(connection);
    server.stop()
}

/// Creates and starts a plain server with a migrated database `bench`.
pub async fn start_plain_server(
    directory: &Directory,
    migrations: &Path,
) -> Result<crate::plain::PlainServer> {
    directory.initdb()?;
    let server = directory.spawn()?;
    drop(directory.connect("postgres").await?);
    directory.create_migrated("bench", migrations).await?;
    migrate(&directory.url("bench"), migrations).await?;
    Ok(server)
}

/// Process, folder and shared memory of a running server. All of them disappear when the server
/// stops.
#[derive(Debug)]
struct ServerResources {
    folder: PathBuf,
    /// The process id of the postmaster.
    process: u32,
}

impl ServerResources {
    fn from_url(url: &str) -> Result<Self> {
        let (_, folder) = url.split_once("host=").context("the URL has no socket folder")?;
        let folder = PathBuf::from(folder.split('&').next().unwrap_or_default());
        let file = std::fs::read_to_string(folder.join("data/postmaster.pid"))?;
        let process = file.lines().next().context("postmaster.pid is empty")?.parse()?;
        let resources = Self { folder, process };
        ensure!(resources.segments() > 0, "found no shared memory of {resources:?}");
        ensure!(
            resources.folder.join(".s.PGSQL.5432").exists(),
            "found no socket of {resources:?}"
        );
        Ok(resources)
    }

    /// Returns the number of shared memory segments that the server created.
    fn segments(&self) -> usize {
        let table = std::fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
        let creator = self.process.to_string();
        table.lines().filter(|line| line.split_whitespace().nth(4) == Some(&creator)).count()
    }

    /// Returns whether any of the resources still exists.
    fn exist(&self) -> bool {
        let process = Path::new("/proc").join(self.process.to_string()).exists();
        // The folder contains the socket.
        process || self.folder.exists() || self.segments() > 0
    }
}
