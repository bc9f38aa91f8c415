//! Rows `cold`, `warm` and `stop`: a server of one's own until the first query, and its end.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use spanproof_postgres::{Migrations, Options, Server};

use crate::part::{Said, Start, say};
use crate::place::Place;
use crate::plain::{Directory, migrate};
use crate::proof;
use crate::stats::{Times, milliseconds};
use crate::table::{Outcome, Row};

/// Nothing of a server that was stopped stays longer.
const GOING: Duration = Duration::from_secs(10);

pub fn cold(place: &Place, samples: usize) -> Result<Outcome> {
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for number in 0..samples {
        let cache = place.path(&format!("cache-{number}"));
        let side = Start::of(place, &["ours"]).with(|command| {
            command.env("XDG_CACHE_HOME", &cache);
        });
        ours.push(side.finish()?.number("first")?);
        ensure!(cache.join("spanproof/postgres").is_dir(), "nothing was cached");
        std::fs::remove_dir_all(&cache)?;
        let folder = new_folder(place, &format!("new-{number}"))?;
        plain.push(Start::of(place, &["plain-new", text(&folder)?]).finish()?.number("first")?);
        std::fs::remove_dir_all(&folder)?;
    }
    Ok(Outcome::at_most(Row::Cold, &Times::of(ours), &Times::of(plain), 1.15))
}

pub fn warm(place: &Place, samples: usize) -> Result<Outcome> {
    let folder = new_folder(place, "there")?;
    Start::of(place, &["plain-new", text(&folder)?]).finish()?;
    // The first one fills the cache.
    side_of_ours(place)?;
    let (mut ours, mut plain, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..samples {
        let said = side_of_ours(place)?;
        ours.push(said.number("first")?);
        parts.push(said);
        plain.push(Start::of(place, &["plain-there", text(&folder)?]).finish()?.number("first")?);
    }
    let ours = Times::of(ours);
    let median =
        |name| Times::of(parts.iter().flat_map(|said| said.numbers(name)).collect()).median();
    let outcome = Outcome::at_most(Row::Warm, &ours, &Times::of(plain), 1.6).note(format!(
        "until the server is there {:.1}, the database {:.1}, the query {:.1}",
        median("server"),
        median("database"),
        median("query")
    ));
    // The absolute goal is one for memory.
    Ok(if place.disk { outcome } else { outcome.and(ours.median() <= 80.0, "<= 80 ms") })
}

pub fn stop(place: &Place, samples: usize) -> Result<Outcome> {
    side_of_ours(place)?;
    let mut parts = Vec::new();
    for _ in 0..samples {
        parts.push(side_of_ours(place)?);
    }
    let all = |name| Times::of(parts.iter().flat_map(|said: &Said| said.numbers(name)).collect());
    let times = all("stop");
    let outcome = Outcome {
        row: Row::Stop,
        ours: times.shown(),
        other: "-".to_owned(),
        ratio: "-".to_owned(),
        goal: String::new(),
        reached: true,
        notes: vec![format!("close() itself returned after {:.1}", all("close").median())],
    };
    Ok(outcome.and(times.median() <= 50.0, "<= 50 ms"))
}

fn side_of_ours(place: &Place) -> Result<Said> {
    Start::of(place, &["ours"]).finish()
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is not UTF-8")
}

/// A folder that a plain server may write to.
pub fn new_folder(place: &Place, name: &str) -> Result<PathBuf> {
    let folder = place.path("servers").join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir(&folder)?;
    place.give(&folder)?;
    Ok(folder)
}

/// In a process of its own: our server until the first query, a second database, the stop.
pub async fn ours(folder: &Path, begun: Instant) -> Result<()> {
    let migrations = Migrations::read(folder)?;
    let options = Options { migrations: Some(migrations.clone()), ..Options::default() };
    let server = Server::start(options).await?;
    let server_there = milliseconds(begun);
    let one = server.migrated(&migrations).await?;
    let database_there = milliseconds(begun);
    let first = proof::visit(one.url()).await?;
    let queried = milliseconds(begun);
    say("first", queried);
    say("server", server_there);
    say("database", database_there - server_there);
    say("query", queried - database_there);
    let two = server.migrated(&migrations).await?;
    proof::distinct(&[first, proof::visit(two.url()).await?], 2)?;
    let traces = Traces::of(one.url())?;
    let stopping = Instant::now();
    server.close().await?;
    say("close", milliseconds(stopping));
    while traces.left() {
        ensure!(stopping.elapsed() < GOING, "{traces:?} is still there");
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    say("stop", milliseconds(stopping));
    Ok(())
}

/// In a process of its own: a plain server in a new directory.
pub async fn plain_new(directory: &Directory, migrations: &Path, begun: Instant) -> Result<()> {
    directory.initdb()?;
    let server = directory.spawn()?;
    directory.migrated("bench", migrations).await?;
    proof::visit(&directory.url("bench")).await?;
    say("first", milliseconds(begun));
    server.stop()
}

/// In a process of its own: a plain server in a directory that has a migrated database already.
pub async fn plain_there(directory: &Directory, begun: Instant) -> Result<()> {
    let server = directory.spawn()?;
    let mut connection = directory.login("bench").await?;
    proof::query(&mut connection).await?;
    say("first", milliseconds(begun));
    drop(connection);
    server.stop()
}

/// A plain server that runs, with a migrated database `bench`.
pub async fn plain(directory: &Directory, migrations: &Path) -> Result<crate::plain::Plain> {
    directory.initdb()?;
    let server = directory.spawn()?;
    drop(directory.login("postgres").await?);
    directory.migrated("bench", migrations).await?;
    migrate(&directory.url("bench"), migrations).await?;
    Ok(server)
}

/// What a server leaves when it is not stopped properly.
#[derive(Debug)]
struct Traces {
    folder: PathBuf,
    process: u32,
}

impl Traces {
    fn of(url: &str) -> Result<Self> {
        let (_, folder) = url.split_once("host=").context("a URL without a socket")?;
        let folder = PathBuf::from(folder.split('&').next().unwrap_or_default());
        let file = std::fs::read_to_string(folder.join("data/postmaster.pid"))?;
        let process = file.lines().next().context("an empty postmaster.pid")?.parse()?;
        let traces = Self { folder, process };
        ensure!(traces.segments() > 0, "{traces:?} has no segment: what is looked for is wrong");
        ensure!(traces.folder.join(".s.PGSQL.5432").exists(), "{traces:?} has no socket");
        Ok(traces)
    }

    /// Segments of shared memory that the server made.
    fn segments(&self) -> usize {
        let table = std::fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
        let maker = self.process.to_string();
        table.lines().filter(|line| line.split_whitespace().nth(4) == Some(&maker)).count()
    }

    fn left(&self) -> bool {
        let process = Path::new("/proc").join(self.process.to_string()).exists();
        // The socket is in the folder.
        process || self.folder.exists() || self.segments() > 0
    }
}
