//! Row `nextest`: a hundred processes of one test each on one server, beside a server that runs.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::place::Place;
use crate::plain::Directory;
use crate::stats::{Times, milliseconds};
use crate::table::{Outcome, Row};
use crate::{proof, start};

const TESTS: usize = 100;
const WORKERS: usize = 2;

/// What runs the tests.
#[derive(Debug)]
enum Runner {
    Nextest,
    /// Nextest is not there: the same processes, started by us.
    Ourselves(String),
}

pub fn measure(place: &Place, samples: usize) -> Result<Outcome> {
    let runner = Runner::find(place)?;
    let folder = start::new_folder(place, "nextest")?;
    let directory = Directory { folder, binaries: place.binaries.clone() };
    let migrations = place.path("migrations");
    let server = tokio::runtime::Runtime::new()?.block_on(start::plain(&directory, &migrations))?;
    let url = directory.url("postgres");
    let (mut ours, mut given, mut servers) = (Vec::new(), Vec::new(), 0);
    // The first run fills the cache and builds what is not built yet.
    once(place, &runner, None)?;
    for _ in 0..samples.div_ceil(5) {
        let (time, count) = once(place, &runner, None)?;
        ours.push(time);
        servers = servers.max(count);
        let (time, count) = once(place, &runner, Some(&url))?;
        ensure!(count == 1, "a server that was given is {count} servers");
        given.push(time);
    }
    server.stop()?;
    let by = match runner {
        Runner::Nextest => "by cargo nextest".to_owned(),
        Runner::Ourselves(_) => format!("by ourselves with {WORKERS} workers: no cargo nextest"),
    };
    let outcome = Outcome::at_most(Row::Nextest, &Times::of(ours), &Times::of(given), 1.5);
    Ok(outcome.and(servers == 1, "1 server").note(format!(
        "{TESTS} tests run {by}, {} rounds; servers started in one run: {servers}",
        samples.div_ceil(5)
    )))
}

/// Milliseconds for all tests, and how many servers they saw.
fn once(place: &Place, runner: &Runner, url: Option<&str>) -> Result<(f64, usize)> {
    let seen = place.path("seen");
    let _none = std::fs::remove_file(&seen);
    let prepared = |mut command: Command| {
        command.env("BENCH_MIGRATIONS", place.path("migrations")).env("BENCH_SEEN", &seen);
        command.envs(url.map(|url| ("SPANPROOF_POSTGRES", url)));
        command
    };
    let begun = Instant::now();
    match runner {
        Runner::Nextest => nextest(prepared(cargo(place, &["nextest", "run", "--no-fail-fast"])))?,
        Runner::Ourselves(binary) => processes(|number| {
            let mut command = prepared(place.command(binary));
            command.args(["--exact", &format!("t{number:02}")]);
            command
        })?,
    }
    let time = milliseconds(begun);
    let text = std::fs::read_to_string(&seen).context("no test has run")?;
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    proof::distinct(&lines, TESTS)?;
    // The identity without the database: folder and start of a server.
    let server = |line: &String| line.rsplit_once(' ').map(|(server, _)| server.to_owned());
    let servers: std::collections::HashSet<_> = lines.iter().map(server).collect();
    Ok((time, servers.len()))
}

fn cargo(place: &Place, what: &[&str]) -> Command {
    let mut command = place.command("cargo");
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(what);
    command.args(["--release", "--offline", "--test", "hundred"]);
    command.env_remove("RUSTUP_TOOLCHAIN").stdin(Stdio::null());
    command
}

fn nextest(mut command: Command) -> Result<()> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "nextest: {said}");
    Ok(())
}

/// The same processes as nextest's, two at a time.
fn processes(command: impl Fn(usize) -> Command + Sync) -> Result<()> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || -> Result<()> {
        loop {
            let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if number >= TESTS {
                return Ok(());
            }
            let output = command(number).output()?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a worker panicked")))
        })
    })
}

impl Runner {
    fn find(place: &Place) -> Result<Self> {
        let version = place.command("cargo").args(["nextest", "--version"]).output()?;
        if version.status.success() {
            return Ok(Self::Nextest);
        }
        let built = cargo(place, &["test", "--no-run"]).output()?;
        let said = String::from_utf8_lossy(&built.stderr);
        let binary = said.rsplit_once('(').and_then(|(_, rest)| rest.split_once(')'));
        let (binary, _) = binary.with_context(|| format!("no test binary: {said}"))?;
        let binary = Path::new(env!("CARGO_MANIFEST_DIR")).join(binary);
        Ok(Self::Ourselves(binary.to_string_lossy().into_owned()))
    }
}
