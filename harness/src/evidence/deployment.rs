//! What is known of a system that was already there, besides its rows and its lines.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// How a system that nobody started for us was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The database, or the dump, secrets masked; nothing where none was given.
    pub database: Option<String>,
    /// The log; nothing where none was given.
    pub log: Option<LogFacts>,
    /// Tables of the span table's name in other schemas that have spans of these units.
    pub elsewhere: Vec<(String, u64)>,
    /// Spans of other work that began at the same time: lines of the log may be about these.
    #[serde(default)]
    pub neighbours: Vec<Neighbour>,
    /// What could not be looked at, each with its reason.
    pub unread: Vec<String>,
    /// How each look-up was carried out by the server.
    pub plans: Vec<String>,
}

/// A span of other work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbour {
    /// When it began.
    pub started: DateTime<Utc>,
    /// Its operation.
    pub operation: String,
}

/// A log as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFacts {
    /// Its name; `-` is standard input.
    pub name: String,
    /// How many lines it has.
    pub lines: u64,
    /// The first time in it.
    pub first: Option<DateTime<Utc>>,
    /// The last time in it.
    pub last: Option<DateTime<Utc>>,
    /// The line that says that the service starts, the last one of them.
    pub started: Option<u64>,
    /// Lines that tell of a process that died, as `log:12  text`.
    pub crashes: Vec<String>,
    /// The number of tracer lines that contradict the last one.
    pub contradicted: usize,
}
