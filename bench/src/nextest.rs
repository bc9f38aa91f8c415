//! Measures the row `nextest` of the printed table: 100 processes with one test each share a server
//! that the harness starts. This is compared with the same processes on a server that already runs.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::place::Place;
use crate::plain::Directory;
use crate::stats::{Times, milliseconds_since};
use crate::table::{Outcome, Row};
use crate::{proof, start};

/// Number of tests, and of processes.
const TESTS: usize = 100;
/// Number of tests that this benchmark runs at the same time if nextest is not installed.
const WORKERS: usize = 2;

/// The program that runs the tests.
#[derive(Debug)]
enum TestRunner {
    Nextest,
    /// The path of the test binary. Nextest is not installed, so this benchmark itself runs the binary
    /// once for each test.
    TestBinary(String),
}

pub fn measure(place: &Place, samples: usize) -> Result<Outcome> {
    let runner = TestRunner::find(place)?;
    let folder = start::new_folder(place, "nextest")?;
    let directory = Directory { folder, binaries: place.binaries.clone() };
    let migrations = place.path("migrations");
    let server = tokio::runtime::Runtime::new()?
        .block_on(start::start_plain_server(&directory, &migrations))?;
    let url = directory.url("postgres");
    let (mut ours, mut on_running_server, mut max_servers) = (Vec::new(), Vec::new(), 0);
    // Fills the cache and builds the tests.
    run_all(place, &runner, None)?;
    for _ in 0..samples.div_ceil(5) {
        let (time, count) = run_all(place, &runner, None)?;
        ours.push(time);
        max_servers = max_servers.max(count);
        let (time, count) = run_all(place, &runner, Some(&url))?;
        ensure!(count == 1, "the tests used {count} servers instead of the one that already runs");
        on_running_server.push(time);
    }
    server.stop()?;
    let run_by = match runner {
        TestRunner::Nextest => "by cargo nextest".to_owned(),
        TestRunner::TestBinary(_) => {
            format!("by the bench with {WORKERS} workers, because cargo nextest is not installed")
        }
    };
    let (ours, on_running_server) = (Times::new(ours), Times::new(on_running_server));
    let outcome = Outcome::with_max_ratio(Row::Nextest, &ours, &on_running_server, 1.5);
    Ok(outcome.with_goal(max_servers == 1, "1 server").with_note(format!(
        "{TESTS} tests, run {run_by}; rounds: {}; most servers used in one round: {max_servers}",
        samples.div_ceil(5)
    )))
}

/// Runs all tests on the server of `url`; if `url` is `None`, the harness starts a server. Returns
/// the duration in milliseconds and the number of servers that the tests used.
fn run_all(place: &Place, runner: &TestRunner, url: Option<&str>) -> Result<(f64, usize)> {
    let identities = place.path("identities");
    let _missing = std::fs::remove_file(&identities);
    let with_env = |mut command: Command| {
        command.env("BENCH_MIGRATIONS", place.path("migrations"));
        command.env("BENCH_IDENTITIES", &identities);
        command.envs(url.map(|url| ("SPANPROOF_POSTGRES", url)));
        command
    };
    let started = Instant::now();
    match runner {
        TestRunner::Nextest => {
            run_nextest(with_env(cargo(place, &["nextest", "run", "--no-fail-fast"])))?
        }
        TestRunner::TestBinary(binary) => run_processes(|number| {
            let mut command = with_env(place.command(binary));
            command.args(["--exact", &format!("t{number:02}")]);
            command
        })?,
    }
    let time = milliseconds_since(started);
    let text = std::fs::read_to_string(&identities).context("no test ran")?;
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    proof::check_distinct(&lines, TESTS)?;
    // Each line is the data directory and the start time of the server, then the database. So the text
    // before the last space identifies the server.
    let server = |line: &String| line.rsplit_once(' ').map(|(server, _)| server.to_owned());
    let servers: std::collections::HashSet<_> = lines.iter().map(server).collect();
    Ok((time, servers.len()))
}

fn cargo(place: &Place, subcommand: &[&str]) -> Command {
    let mut command = place.command("cargo");
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(subcommand);
    command.args(["--release", "--offline", "--test", "hundred"]);
    command.env_remove("RUSTUP_TOOLCHAIN").stdin(Stdio::null());
    command
}

fn run_nextest(mut command: Command) -> Result<()> {
    let output = command.output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "nextest failed: {errors}");
    Ok(())
}

/// Runs one process per test, as nextest does, [`WORKERS`] at a time.
fn run_processes(command: impl Fn(usize) -> Command + Sync) -> Result<()> {
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

impl TestRunner {
    /// Returns nextest if it is installed. Otherwise builds the tests and returns their binary,
    /// whose path cargo prints in parentheses.
    fn find(place: &Place) -> Result<Self> {
        let version = place.command("cargo").args(["nextest", "--version"]).output()?;
        if version.status.success() {
            return Ok(Self::Nextest);
        }
        let built = cargo(place, &["test", "--no-run"]).output()?;
        let output = String::from_utf8_lossy(&built.stderr);
        let binary = output.rsplit_once('(').and_then(|(_, rest)| rest.split_once(')'));
        let (binary, _) =
            binary.with_context(|| format!("cargo printed no test binary: {output}"))?;
        let binary = Path::new(env!("CARGO_MANIFEST_DIR")).join(binary);
        Ok(Self::TestBinary(binary.to_string_lossy().into_owned()))
    }
}
