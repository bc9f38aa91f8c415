//! One side of a row, in a process of its own: what it is told, and what it says.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};

use crate::place::Place;
use crate::stats::Times;
use crate::{clones, peers, pool, start, there};

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
    /// Our server until the first query, and its stop.
    Ours,
    /// A plain server in a new directory until the first query.
    PlainNew { folder: PathBuf },
    /// A plain server in a directory that is there.
    PlainThere { folder: PathBuf },
    /// Our databases, one after the other.
    Clones { count: usize },
    /// Our databases for two workers whose tests take `pace` ms.
    Pool { count: usize, pace: u64 },
    /// Our reading of a log.
    Log { path: PathBuf },
    /// Our look at a job.
    Diagnose { url: String, job: String },
    /// Tests of one query on two threads.
    Tests {
        kind: peers::Kind,
        count: usize,
        #[arg(default_value = "")]
        image: String,
    },
}

/// Does one side; `begun` is when this process began.
pub fn run(arguments: &Arguments, begun: Instant) -> Result<()> {
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
            Side::Ours => start::ours(migrations, begun).await,
            Side::PlainNew { folder } => {
                start::plain_new(&directory(folder), migrations, begun).await
            }
            Side::PlainThere { folder } => start::plain_there(&directory(folder), begun).await,
            Side::Clones { count } => clones::ours(migrations, *count).await,
            Side::Pool { count, pace } => pool::ours(migrations, *count, *pace).await,
            Side::Log { path } => there::read(path),
            Side::Diagnose { url, job } => there::ask(url, job).await,
            Side::Tests { .. } => Ok(()),
        }
    })
}

/// Says one thing to who started us.
pub fn say(name: &str, value: impl std::fmt::Display) {
    println!("{name} {value}");
}

/// What a side has said: lines of a name and a value.
#[derive(Debug)]
pub struct Said(String);

impl Said {
    pub fn texts(&self, name: &str) -> Vec<String> {
        let lines = self.0.lines().filter_map(|line| line.split_once(' '));
        lines.filter(|(found, _)| *found == name).map(|(_, value)| value.to_owned()).collect()
    }

    pub fn numbers(&self, name: &str) -> Vec<f64> {
        self.texts(name).iter().filter_map(|text| text.parse().ok()).collect()
    }

    pub fn number(&self, name: &str) -> Result<f64> {
        self.numbers(name).first().copied().with_context(|| format!("no `{name}` in: {}", self.0))
    }

    pub fn times(&self, name: &str) -> Times {
        Times::of(self.numbers(name))
    }
}

/// How a side is started.
#[derive(Debug)]
pub struct Start(Command);

impl Start {
    pub fn of(place: &Place, side: &[&str]) -> Self {
        let mut command = place.command(place.path("bench"));
        command.arg("part").arg("--migrations").arg(place.path("migrations"));
        command.arg("--binaries").arg(&place.binaries).args(side);
        Self(command)
    }

    pub fn with(mut self, change: impl FnOnce(&mut Command)) -> Self {
        change(&mut self.0);
        self
    }

    pub fn finish(mut self) -> Result<Said> {
        let output = self.0.stdin(Stdio::null()).output().context("a side could not be started")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {}", output.status, errors.trim());
        Ok(Said(String::from_utf8(output.stdout)?))
    }
}
