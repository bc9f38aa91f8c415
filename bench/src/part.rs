//! One side of a row in a separate process: its arguments and its report.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};

use crate::place::Place;
use crate::stats::Times;
use crate::{clones, existing, peers, pool, start};

#[derive(Debug, Args)]
pub struct Arguments {
    #[arg(long)]
    pub migrations: PathBuf,
    #[arg(long)]
    pub binaries: PathBuf,
    #[command(subcommand)]
    pub side: Side,
}

#[derive(Debug, Subcommand)]
pub enum Side {
    /// Our server until the first query, and stopping it.
    Ours,
    /// A plain server in a new directory until the first query.
    PlainNew { folder: PathBuf },
    /// A plain server in an existing directory.
    PlainExisting { folder: PathBuf },
    /// Our databases in sequence.
    Clones { count: usize },
    /// Our databases for two workers whose tests take at least `pace` ms.
    Pool { count: usize, pace: u64 },
    /// Reads a log.
    Log { path: PathBuf },
    /// Diagnoses a job.
    Diagnose { url: String, job: String },
    /// Runs tests of one query on two threads.
    Tests {
        kind: peers::Kind,
        count: usize,
        #[arg(default_value = "")]
        image: String,
    },
}

/// Runs one side; `started` is the start of this process.
pub fn run(arguments: &Arguments, started: Instant) -> Result<()> {
    let Arguments { migrations, binaries, side } = arguments;
    if let Side::Tests { kind, count, image } = side {
        return peers::tests(*kind, *count, image, arguments);
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let directory = |folder: &PathBuf| crate::plain::Directory {
        folder: folder.clone(),
        binaries: binaries.clone(),
    };
    runtime.block_on(async {
        match side {
            Side::Ours => start::ours(migrations, started).await,
            Side::PlainNew { folder } => {
                start::plain_new(&directory(folder), migrations, started).await
            }
            Side::PlainExisting { folder } => {
                start::plain_existing(&directory(folder), started).await
            }
            Side::Clones { count } => clones::ours(migrations, *count).await,
            Side::Pool { count, pace } => pool::ours(migrations, *count, *pace).await,
            Side::Log { path } => existing::read_log(path),
            Side::Diagnose { url, job } => existing::diagnose_job(url, job).await,
            Side::Tests { .. } => Ok(()),
        }
    })
}

/// Reports a value to the parent process.
pub fn report(name: &str, value: impl std::fmt::Display) {
    println!("{name} {value}");
}

/// The output of a side: lines of a name and a value.
#[derive(Debug)]
pub struct Report(String);

impl Report {
    pub fn texts(&self, name: &str) -> Vec<String> {
        let lines = self.0.lines().filter_map(|line| line.split_once(' '));
        lines.filter(|(found, _)| *found == name).map(|(_, value)| value.to_owned()).collect()
    }

    pub fn numbers(&self, name: &str) -> Vec<f64> {
        self.texts(name).iter().filter_map(|text| text.parse().ok()).collect()
    }

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

/// The command that starts a side.
#[derive(Debug)]
pub struct Start(Command);

impl Start {
    pub fn new(place: &Place, side: &[&str]) -> Self {
        let mut command = place.command(place.path("bench"));
        command.arg("part").arg("--migrations").arg(place.path("migrations"));
        command.arg("--binaries").arg(&place.binaries).args(side);
        Self(command)
    }

    pub fn with(mut self, change: impl FnOnce(&mut Command)) -> Self {
        change(&mut self.0);
        self
    }

    pub fn finish(mut self) -> Result<Report> {
        let output = self.0.stdin(Stdio::null()).output().context("starting a side failed")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {}", output.status, errors.trim());
        Ok(Report(String::from_utf8(output.stdout)?))
    }
}
