//! What is known of an existing system, besides its rows.

use chrono::{DateTime, Utc};

use super::Span;

/// What was read of a system that nobody started for us, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deployment {
    /// The database's URL or the dump's name; `None` if none was given.
    pub(crate) database: Option<String>,
    /// The log; `None` if none was given.
    pub(crate) log: Option<Log>,
    /// Tables of the span table's name in other schemas that have spans of these units.
    pub(crate) elsewhere: Vec<(String, u64)>,
    /// Spans of other work that began at the same time: lines of the log may be about these.
    pub(crate) neighbours: Vec<Neighbour>,
    /// What could not be read, each with its reason.
    pub(crate) unread: Vec<String>,
    /// How the server carried out each look-up.
    pub(crate) plans: Vec<String>,
}

/// A span of other work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Neighbour {
    /// Its start.
    pub(crate) started: DateTime<Utc>,
    /// Its operation.
    pub(crate) operation: String,
}

impl Neighbour {
    /// What is known of a span of other work; `None` if it has no start or no name.
    pub(crate) fn from_span(span: &Span) -> Option<Self> {
        Some(Self { started: span.start()?, operation: span.name.clone()? })
    }
}

/// A service's log that was kept elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Log {
    /// The log as a whole.
    pub(crate) facts: LogFacts,
    /// The lines that a probe of the spec recognises, in their order.
    pub(crate) lines: Vec<LogLine>,
    /// Bytes of such lines that were too many to keep.
    pub(crate) dropped_bytes: u64,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogLine {
    /// Its number, from 1.
    pub(crate) number: u64,
    /// When it was written; `None` if it has no time with a date.
    pub(crate) at: Option<DateTime<Utc>>,
    /// The service's own words, without what a collector put around them.
    pub(crate) text: String,
}

/// A log as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LogFacts {
    /// Its name; `-` is standard input.
    pub(crate) name: String,
    /// How many lines it has.
    pub(crate) lines: u64,
    /// The first time in it.
    pub(crate) first: Option<DateTime<Utc>>,
    /// The last time in it.
    pub(crate) last: Option<DateTime<Utc>>,
    /// The number of the last line that says that the service starts.
    pub(crate) started: Option<u64>,
    /// Lines about a process that died, as `log:12  text`.
    pub(crate) crashes: Vec<String>,
    /// The number of tracer lines that contradict the last one.
    pub(crate) contradicted: usize,
}
