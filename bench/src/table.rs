//! The table that the benchmark prints: its rows and their outcomes.

use clap::ValueEnum;

use crate::stats::Times;

/// A row of the table: one thing that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Row {
    /// Start a server without a cache and run a query in a migrated database, compared with a plain server.
    Cold,
    /// Start a server with a cache and run a query in a migrated database, compared with a plain server.
    Warm,
    /// Create migrated databases one after the other, compared with copying the files of one.
    Clone,
    /// Wait for a database while two workers run tests.
    Pool,
    /// Run tests of one query each, compared with `#[sqlx::test]`.
    SqlxTest,
    /// Run tests of one query each, compared with pgtemp.
    Pgtemp,
    /// Run tests of one query each, compared with `postgresql_embedded`.
    Embedded,
    /// Run tests of one query each, compared with testcontainers.
    Testcontainers,
    /// Run 100 processes with one test each, compared with the same on a server that already runs.
    Nextest,
    /// Stop a server.
    Stop,
    /// Read a log of 1 GB, compared with `grep -c`.
    Log,
    /// Diagnose a job among ten million spans, compared with ten thousand spans.
    Diagnose,
    /// Check 200 deploy manifests against a proof, compared with reading the files.
    Guard,
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

/// The result of one row: its cells, and the notes printed below the table.
#[derive(Debug)]
pub struct Outcome {
    pub row: Row,
    /// The time of the harness in milliseconds.
    pub ours: String,
    /// The time of the other side in milliseconds.
    pub other: String,
    pub ratio: String,
    pub goal: String,
    /// Whether all goals are reached.
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

    /// Compares medians. The goal is that `ours` is at most `max_ratio` times `other`.
    pub fn with_max_ratio(row: Row, ours: &Times, other: &Times, max_ratio: f64) -> Self {
        let ratio = ours.median() / other.median();
        Self {
            row,
            ours: ours.to_text(),
            other: other.to_text(),
            ratio: format!("{ratio:.2} x"),
            goal: format!("<= {max_ratio} x"),
            reached: ratio <= max_ratio,
            notes: Vec::new(),
        }
    }

    /// Compares medians. The goal is that `other` is at least `min_speedup` times `ours`.
    pub fn with_min_speedup(row: Row, ours: &Times, other: &Times, min_speedup: f64) -> Self {
        let ratio = other.median() / ours.median();
        Self {
            row,
            ours: ours.to_text(),
            other: other.to_text(),
            ratio: format!("{ratio:.1} x faster"),
            goal: format!(">= {min_speedup} x"),
            reached: ratio >= min_speedup,
            notes: Vec::new(),
        }
    }

    /// Adds a goal and whether it is reached.
    pub fn with_goal(mut self, reached: bool, goal: &str) -> Self {
        self.reached &= reached;
        self.goal =
            if self.goal.is_empty() { goal.to_owned() } else { format!("{}, {goal}", self.goal) };
        self
    }

    pub fn with_note(mut self, note: String) -> Self {
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
        "\nTimes are medians in ms; the 99th percentile of 100 or more samples is in parentheses."
    );
    for outcome in outcomes {
        for note in &outcome.notes {
            println!("{}: {note}", outcome.row);
        }
    }
}
