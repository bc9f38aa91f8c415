//! The rows, their outcomes, and the printed table.

use clap::ValueEnum;

use crate::stats::Times;

/// A measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Row {
    /// Start without a cache, until the first query in a migrated database.
    Cold,
    /// Start with a cache, until the first query in a migrated database.
    Warm,
    /// Migrated databases in sequence.
    Clone,
    /// Waiting for a database while two workers run tests.
    Pool,
    /// A test of one query, compared with `#[sqlx::test]`.
    SqlxTest,
    /// A test of one query, compared with pgtemp.
    Pgtemp,
    /// A test of one query, compared with `postgresql_embedded`.
    Embedded,
    /// A test of one query, compared with testcontainers.
    Testcontainers,
    /// 100 processes with one test each, run by nextest.
    Nextest,
    /// Stopping a server.
    Stop,
    /// Reading a log of 1 GB, compared with `grep -c`.
    Log,
    /// Diagnosing a job among ten million spans, compared with ten thousand.
    Diagnose,
}

impl Row {
    pub fn all() -> impl Iterator<Item = Self> {
        Self::value_variants().iter().copied()
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}

/// The result of one row.
#[derive(Debug)]
pub struct Outcome {
    pub row: Row,
    pub ours: String,
    pub other: String,
    pub ratio: String,
    pub goal: String,
    pub reached: bool,
    pub notes: Vec<String>,
}

impl Outcome {
    pub fn failed(row: Row, error: &anyhow::Error) -> Self {
        let notes = vec![format!("FAILED: {error:#}")];
        let none = || "-".to_owned();
        let (ours, other, ratio, goal) = (none(), none(), none(), none());
        Self { row, ours, other, ratio, goal, reached: false, notes }
    }

    /// Compares medians: ours may take at most `most` times as long.
    pub fn at_most(row: Row, ours: &Times, other: &Times, most: f64) -> Self {
        let ratio = ours.median() / other.median();
        Self {
            row,
            ours: ours.to_text(),
            other: other.to_text(),
            ratio: format!("{ratio:.2} x"),
            goal: format!("<= {most} x"),
            reached: ratio <= most,
            notes: Vec::new(),
        }
    }

    /// Compares medians: ours must be at least `least` times as fast.
    pub fn faster(row: Row, ours: &Times, other: &Times, least: f64) -> Self {
        let ratio = other.median() / ours.median();
        Self {
            row,
            ours: ours.to_text(),
            other: other.to_text(),
            ratio: format!("{ratio:.1} x faster"),
            goal: format!(">= {least} x"),
            reached: ratio >= least,
            notes: Vec::new(),
        }
    }

    /// Adds a goal.
    pub fn and(mut self, holds: bool, goal: &str) -> Self {
        self.reached &= holds;
        self.goal =
            if self.goal.is_empty() { goal.to_owned() } else { format!("{}, {goal}", self.goal) };
        self
    }

    pub fn note(mut self, note: String) -> Self {
        self.notes.push(note);
        self
    }
}

/// Prints a Markdown table and the notes of each row.
pub fn print(outcomes: &[Outcome]) {
    let mut lines = vec![["row", "ours", "other", "ratio", "goal", "reached"].map(str::to_owned)];
    lines.extend(outcomes.iter().map(|outcome| {
        let reached = if outcome.reached { "yes" } else { "NO" };
        let Outcome { ours, other, ratio, goal, .. } = outcome;
        [
            outcome.row.to_string(),
            ours.clone(),
            other.clone(),
            ratio.clone(),
            goal.clone(),
            reached.into(),
        ]
    }));
    let widths: [usize; 6] = std::array::from_fn(|column| {
        lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0)
    });
    println!();
    for (number, line) in lines.iter().enumerate() {
        let cells: Vec<String> =
            line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        println!("| {} |", cells.join(" | "));
        if number == 0 {
            println!("|{}|", widths.map(|width| "-".repeat(width + 2)).join("|"));
        }
    }
    println!(
        "\nTimes in ms: the median, and in parentheses the 99th percentile of 100 and more samples."
    );
    for outcome in outcomes {
        for note in &outcome.notes {
            println!("{}: {note}", outcome.row);
        }
    }
}
