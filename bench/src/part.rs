//! Runs one side of a row of the printed table in a child process. A row has two sides: the
//! harness, and what the harness is compared with.
//!
//! The parent process runs a [`SideCommand`], which calls this program's hidden subcommand `part`,
//! and reads a [`Report`]. The child process parses [`SideArguments`] and calls [`run`].

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};

use crate::place::Place;
use crate::stats::Times;
use crate::{clones, existing, guard, peers, pool, start};

#[derive(Debug, Args)]
pub struct SideArguments {
    /// Apply the migrations in this folder.
    #[arg(long)]
    pub migrations: PathBuf,
    /// Use the Postgres binaries in this folder.
    #[arg(long)]
    pub binaries: PathBuf,
    #[command(subcommand)]
    pub side: Side,
}

/// What a side measures. A plain server is a Postgres server that is started without the harness.
#[derive(Debug, Subcommand)]
pub enum Side {
    /// Start a server with the harness, run a query, and stop the server.
    Ours,
    /// Start a plain server in a new data directory and run a query.
    PlainNew { folder: PathBuf },
    /// Start a plain server in an existing data directory and run a query.
    PlainExisting { folder: PathBuf },
    /// Create databases with the harness, one after the other.
    Clones { count: usize },
    /// Run tests with the harness's databases on two workers; a test takes at least this many ms.
    Pool { count: usize, min_test_ms: u64 },
    /// Read a log.
    Log { path: PathBuf },
    /// Diagnose a job.
    Diagnose { url: String, job: String },
    /// Compare the deploy manifests of a project with its proof.
    Guard { folder: PathBuf },
    /// Run tests of one query on two threads, with the databases of one library.
    Tests {
        library: peers::Library,
        count: usize,
        /// Use this image for testcontainers; empty for the other libraries.
        #[arg(default_value = "")]
        image: String,
    },
}

/// Runs one side. `started` is the time at which this process started. The time to the first query
/// is measured from `started`.
pub fn run(arguments: &SideArguments, started: Instant) -> Result<()> {
    let SideArguments { migrations, binaries, side } = arguments;
    // Each of these tests creates its own runtime.
    if let Side::Tests { library, count, image } = side {
        return peers::run_tests(*library, *count, image, arguments);
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let directory = |folder: &PathBuf| crate::plain::Directory {
        folder: folder.clone(),
        binaries: binaries.clone(),
    };
    runtime.block_on(async {
        match side {
            Side::Ours => start::measure_ours(migrations, started).await,
            Side::PlainNew { folder } => {
                start::measure_plain_new(&directory(folder), migrations, started).await
            }
            Side::PlainExisting { folder } => {
                start::measure_plain_existing(&directory(folder), started).await
            }
            Side::Clones { count } => clones::measure_ours(migrations, *count).await,
            Side::Pool { count, min_test_ms } => {
                pool::measure_ours(migrations, *count, *min_test_ms).await
            }
            Side::Log { path } => existing::read_log(path),
            Side::Guard { folder } => guard::compare(folder),
            Side::Diagnose { url, job } => existing::diagnose_job(url, job).await,
            // Returned above.
            Side::Tests { .. } => Ok(()),
        }
    })
}

/// Reports a value to the parent process: prints a line with the name and the value.
pub fn report(name: &str, value: impl std::fmt::Display) {
    println!("{name} {value}");
}

/// The output of a side: lines with a name and a value.
#[derive(Debug)]
pub struct Report(String);

impl Report {
    /// Returns all values with this name.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let lines = self.0.lines().filter_map(|line| line.split_once(' '));
        lines.filter(|(found, _)| *found == name).map(|(_, value)| value.to_owned()).collect()
    }

    /// Returns all values with this name as numbers.
    pub fn numbers(&self, name: &str) -> Vec<f64> {
        self.texts(name).iter().filter_map(|text| text.parse().ok()).collect()
    }

    /// Returns the first value with this name as a number.
    pub fn number(&self, name: &str) -> Result<f64> {
        self.numbers(name)
            .first()
            .copied()
            .with_context(|| format!("a side reported no `{name}`: {}", self.0))
    }

    pub fn times(&self, name: &str) -> Times {
        Times::new(self.numbers(name))
    }
}

/// A command that runs one side in a child process.
#[derive(Debug)]
pub struct SideCommand(Command);

impl SideCommand {
    /// `side` is the name of a [`Side`] on the command line, followed by its arguments.
    pub fn new(place: &Place, side: &[&str]) -> Self {
        let mut command = place.command(place.path("bench"));
        command.arg("part").arg("--migrations").arg(place.path("migrations"));
        command.arg("--binaries").arg(&place.binaries).args(side);
        Self(command)
    }

    /// Changes the command, for instance its environment.
    pub fn with(mut self, change: impl FnOnce(&mut Command)) -> Self {
        change(&mut self.0);
        self
    }

    /// Runs the child process to its end and returns its report.
    pub fn run(mut self) -> Result<Report> {
        let output = self.0.stdin(Stdio::null()).output().context("starting a side failed")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {}", output.status, errors.trim());
        Ok(Report(String::from_utf8(output.stdout)?))
    }
}
