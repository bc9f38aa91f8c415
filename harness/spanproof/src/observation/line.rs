//! One line of output or log, with its location, and what it reports about tracing.

use std::fmt;

use chrono::{DateTime, Utc};

use super::LogLine;
use crate::spec::{Attempt, Banner, Probes};

/// Where a line is: its stream or log, and its line number there, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// A line of standard output.
    Stdout(u64),
    /// A line of standard error.
    Stderr(u64),
    /// A line of an existing system's log.
    Log(u64),
}

/// A line of output or log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Where the line is.
    pub location: Location,
    /// When the line was written; `None` if it has no timestamp with a date, and for the output of a trial.
    pub at: Option<DateTime<Utc>>,
    /// The text of the line, without the line ending.
    pub text: &'a str,
    /// The name of the process in the spec, or in a log. `None` for the main process of the service, and if a
    /// log does not name the process.
    pub process: Option<&'a str>,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout(number) => write!(f, "stdout:{number}"),
            Self::Stderr(number) => write!(f, "stderr:{number}"),
            Self::Log(number) => write!(f, "log:{number}"),
        }
    }
}

/// Writes the line with its location, such as `stderr:12  text`.
impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}", self.location, self.text)
    }
}

impl<'a> From<&'a LogLine> for Line<'a> {
    fn from(line: &'a LogLine) -> Self {
        let (location, process) = (Location::Log(line.number), line.process.as_deref());
        Self { location, at: line.at, text: &line.text, process }
    }
}

/// What a line reports about tracing. The probes of a spec are the patterns that recognise such lines.
/// No other module interprets lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TracerEvent {
    /// Whether tracing is on. The service prints this line at startup.
    Banner(Banner),
    /// A span was started.
    Attempt(Attempt),
    /// The number of spans that were written.
    Acknowledged(usize),
    /// The number of spans that could not be written.
    Refused(usize),
    /// The number of spans that could not be ended.
    Unfinished(usize),
}

/// Returns a count; `None` if it is 0.
fn nonzero(count: usize) -> Option<usize> {
    (count > 0).then_some(count)
}

impl TracerEvent {
    /// Returns every event that a line reports: the line may match several probes.
    pub(crate) fn parse<'a>(probes: &'a Probes, text: &'a str) -> impl Iterator<Item = Self> + 'a {
        let parsers: [fn(&Probes, &str) -> Option<Self>; 5] = [
            |probes, text| probes.banner(text).map(Self::Banner),
            |probes, text| probes.attempt(text).map(Self::Attempt),
            |probes, text| nonzero(probes.acknowledged(text)).map(Self::Acknowledged),
            |probes, text| nonzero(probes.refused(text)).map(Self::Refused),
            |probes, text| nonzero(probes.unfinished(text)).map(Self::Unfinished),
        ];
        parsers.into_iter().filter_map(move |parse| parse(probes, text))
    }
}
