//! What a disposable Postgres of ours costs beside its peers, and what looking at a system costs
//! that is already there, measured side by side in one run.
//!
//! Each side runs in a process of its own, one after the other in turn, so that noise of the
//! machine meets both. Every side proves what it did: the rows it read, and which database of
//! which server it was.

mod clones;
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
mod there;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use place::Place;
use table::{Outcome, Row};

/// Measures this harness and its peers side by side; exits with 1 when a goal is missed.
#[derive(Debug, Parser)]
struct Arguments {
    /// How often each side of a row is measured.
    #[arg(long, default_value_t = 15)]
    samples: usize,
    /// Only this row; may be given several times.
    #[arg(long, value_name = "ROW")]
    only: Vec<Row>,
    /// Not this row; may be given several times.
    #[arg(long, value_name = "ROW")]
    without: Vec<Row>,
    /// Everything on disk, in the folder for temporary files, and not in /dev/shm. Needs root.
    #[arg(long)]
    disk: bool,
    /// The image that testcontainers runs.
    #[arg(long, default_value = "spanproof-postgres:15")]
    image: String,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// One side of a row, in a process of its own.
    #[command(hide = true)]
    Part(part::Arguments),
}

fn main() -> Result<ExitCode> {
    let begun = std::time::Instant::now();
    let arguments = Arguments::parse();
    if let Some(Part::Part(part)) = &arguments.part {
        part::run(part, begun)?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.disk && place::in_memory() {
        return place::again_on_disk();
    }
    let place = Place::make(arguments.disk)?;
    println!("{}", place.described());
    let mut outcomes = Vec::new();
    for row in arguments.rows() {
        eprintln!("measuring {row}");
        outcomes.push(measured(row, &arguments, &place));
    }
    table::print(&outcomes);
    let reached = outcomes.iter().all(|outcome| outcome.reached);
    Ok(if reached { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Arguments {
    fn rows(&self) -> Vec<Row> {
        let wanted = |row: &Row| self.only.is_empty() || self.only.contains(row);
        Row::all().filter(wanted).filter(|row| !self.without.contains(row)).collect()
    }
}

/// A row that can't be measured is a goal that is missed.
fn measured(row: Row, arguments: &Arguments, place: &Place) -> Outcome {
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
        Row::Log => there::log(place, samples),
        Row::Diagnose => there::measure(place, samples),
    };
    outcome.unwrap_or_else(|error| Outcome::failed(row, &error))
}
