//! One line of output or log, with its place.

use std::fmt;

use chrono::{DateTime, Utc};

use super::LogLine;
use crate::spec::{Attempt, Banner, Probes};

/// Where a line stands: its stream, or a log, and its number there, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A line of standard output.
    Stdout(u64),
    /// A line of standard error.
    Stderr(u64),
    /// A line of a log that was kept elsewhere.
    Log(u64),
}

/// A line that was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Where it stands.
    pub place: Place,
    /// When it was written; `None` if it has no time of day.
    pub at: Option<DateTime<Utc>>,
    /// Its text without its end.
    pub text: &'a str,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout(number) => write!(f, "stdout:{number}"),
            Self::Stderr(number) => write!(f, "stderr:{number}"),
            Self::Log(number) => write!(f, "log:{number}"),
        }
    }
}

/// `stderr:12  text`
impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}", self.place, self.text)
    }
}

impl<'a> From<&'a LogLine> for Line<'a> {
    fn from(line: &'a LogLine) -> Self {
        Self { place: Place::Log(line.number), at: line.at, text: &line.text }
    }
}

/// What a line says about tracing, by the probes of a spec: the only reader of lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The tracer's line at startup.
    Banner(Banner),
    /// The start of a span.
    Attempt(Attempt),
    /// A span was written.
    Acknowledged,
    /// A span could not be written.
    Refused,
    /// A span could not be completed.
    Unfinished,
}

impl Meaning {
    /// Everything that a line says; a line may match several probes.
    pub(crate) fn all<'a>(probes: &'a Probes, text: &'a str) -> impl Iterator<Item = Self> + 'a {
        let readers: [fn(&Probes, &str) -> Option<Self>; 5] = [
            |probes, text| probes.banner(text).map(Self::Banner),
            |probes, text| probes.attempt(text).map(Self::Attempt),
            |probes, text| probes.acknowledged(text).then_some(Self::Acknowledged),
            |probes, text| probes.refused(text).then_some(Self::Refused),
            |probes, text| probes.unfinished(text).then_some(Self::Unfinished),
        ];
        readers.into_iter().filter_map(move |read| read(probes, text))
    }
}
