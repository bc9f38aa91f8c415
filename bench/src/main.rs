//! Measures how fast the harness gives a test its Postgres database, compared with peers: other
//! libraries that do the same. Also measures how long the harness takes to read the log and
//! the database of an existing system, and to compare deploy manifests.
//!
//! A row of the printed table has two sides: the harness, and what it is compared with. Each side
//! runs in a separate process, and the sides take turns, so that noise of the machine affects both.
//! Every side proves its work: it checks what it reads from the database, and reports which server
//! and database it used.

mod clones;
mod existing;
mod guard;
mod nextest;
mod part;
mod peers;
mod place;
mod plain;
mod pool;
mod proof;
mod start;
mod stats;
mod table;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use place::Place;
use table::{Outcome, Row};

/// Compare spanproof with similar tools; exit with 1 if a goal is missed.
#[derive(Debug, Parser)]
struct Arguments {
    /// Take this many samples of each side of a row.
    #[arg(long, default_value_t = 15)]
    samples: usize,
    /// Measure only this row; can be repeated.
    #[arg(long, value_name = "ROW")]
    only: Vec<Row>,
    /// Skip this row; can be repeated.
    #[arg(long, value_name = "ROW")]
    without: Vec<Row>,
    /// Use the temporary folder on disk instead of /dev/shm; needs root.
    #[arg(long)]
    disk: bool,
    /// Use this image for testcontainers.
    #[arg(long, default_value = "spanproof-postgres:15")]
    image: String,
    #[command(subcommand)]
    child: Option<ChildCommand>,
}

/// The command of the processes that this program starts.
#[derive(Debug, Subcommand)]
enum ChildCommand {
    /// Run one side of a row in this process.
    #[command(name = "part", hide = true)]
    Side(part::SideArguments),
}

fn main() -> Result<ExitCode> {
    let started = std::time::Instant::now();
    let arguments = Arguments::parse();
    if let Some(ChildCommand::Side(side)) = &arguments.child {
        part::run(side, started)?;
        return Ok(ExitCode::SUCCESS);
    }
    // The harness puts its data in a large `/dev/shm`, whatever `--disk` says. The restarted
    // program has the same arguments and a tiny `/dev/shm`, so its harness uses the disk as well.
    if arguments.disk && place::harness_uses_shm() {
        return place::restart_on_disk();
    }
    let place = Place::new(arguments.disk)?;
    println!("{}", place.describe());
    let mut outcomes = Vec::new();
    for row in arguments.rows() {
        eprintln!("measuring {row}");
        outcomes.push(measure(row, &arguments, &place));
    }
    table::print(&outcomes);
    let reached = outcomes.iter().all(|outcome| outcome.reached);
    Ok(if reached { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Arguments {
    fn rows(&self) -> Vec<Row> {
        let selected = |row: &Row| self.only.is_empty() || self.only.contains(row);
        Row::all().filter(selected).filter(|row| !self.without.contains(row)).collect()
    }
}

/// Measures both sides of a row. A row that can't be measured counts as a missed goal.
fn measure(row: Row, arguments: &Arguments, place: &Place) -> Outcome {
    let samples = arguments.samples.max(1);
    let outcome = match row {
        Row::Cold => start::cold(place, samples),
        Row::Warm => start::warm(place, samples),
        Row::Clone => clones::measure(place, samples),
        Row::Pool => pool::measure(place, samples),
        Row::SqlxTest | Row::Pgtemp | Row::Embedded | Row::Testcontainers => {
            peers::measure(row, place, samples, &arguments.image)
        }
        Row::Nextest => nextest::measure(place, samples),
        Row::Stop => start::stop(place, samples),
        Row::Log => existing::measure_log(place, samples),
        Row::Diagnose => existing::measure_diagnose(place, samples),
        Row::Guard => guard::measure(place, samples),
    };
    outcome.unwrap_or_else(|error| Outcome::failed(row, &error))
}
