//! The rows, their goals, and the table at the end.

use clap::ValueEnum;

use crate::stats::Times;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Row {
    /// Nothing cached, until the first query in a migrated database.
    Cold,
    /// The cache is there, until the first query in a migrated database.
    Warm,
    /// Migrated databases, one after the other.
    Clone,
    /// What a test waits for its database while two workers run tests.
    Pool,
    /// A test of one query beside `#[sqlx::test]`.
    SqlxTest,
    /// A test of one query beside pgtemp.
    Pgtemp,
    /// A test of one query beside `postgresql_embedded`.
    Embedded,
    /// A test of one query beside testcontainers.
    Testcontainers,
    /// A hundred processes of one test each, under nextest.
    Nextest,
    /// The stop of a server.
    Stop,
    /// A log of a gigabyte, read by `diagnose`, beside `grep -c`.
    Log,
    /// A job among ten million spans beside one among ten thousand, in `diagnose`.
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

/// What was measured in one row.
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

    /// Ours takes at most `most` times what the other takes, at the median.
    pub fn at_most(row: Row, ours: &Times, other: &Times, most: f64) -> Self {
        let ratio = ours.median() / other.median();
        Self {
            row,
            ours: ours.shown(),
            other: other.shown(),
            ratio: format!("{ratio:.2} x"),
            goal: format!("<= {most} x"),
            reached: ratio <= most,
            notes: Vec::new(),
        }
    }

    /// Ours is at least `least` times as fast, at the median.
    pub fn faster(row: Row, ours: &Times, other: &Times, least: f64) -> Self {
        let ratio = other.median() / ours.median();
        Self {
            row,
            ours: ours.shown(),
            other: other.shown(),
            ratio: format!("{ratio:.1} x faster"),
            goal: format!(">= {least} x"),
            reached: ratio >= least,
            notes: Vec::new(),
        }
    }

    /// Another condition that must hold as well.
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

/// One table, in Markdown, with the notes of each row below it.
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
        "\nTimes in ms: the median, with the 99th percentile in parentheses where there are many."
    );
    for outcome in outcomes {
        for note in &outcome.notes {
            println!("{}: {note}", outcome.row);
        }
    }
}
