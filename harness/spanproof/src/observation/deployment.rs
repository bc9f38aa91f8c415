//! The evidence of an existing system besides its rows: its log, and how its database was read.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{Row, Span, id};
use crate::spec::Columns;

/// The evidence of an existing system besides its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deployment {
    /// The database URL or the name of the dump; `None` if neither was given.
    pub(crate) database: Option<String>,
    /// The log; `None` if none was given.
    pub(crate) log: Option<Log>,
    /// Tables with the span table's name in other schemas that have spans of observed units of work.
    pub(crate) other_tables: Vec<OtherTable>,
    /// Spans of other jobs that started while the observed units ran: log lines of that period may
    /// belong to these spans.
    pub(crate) concurrent_spans: Vec<ConcurrentSpan>,
    /// What could not be read, each with its reason.
    pub(crate) unread: Vec<String>,
    /// Postgres's query plan for each query, in a short form.
    pub(crate) plans: Vec<String>,
}

/// A table with the span table's name in a different schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OtherTable {
    /// The name with its schema.
    pub(crate) name: String,
    /// The number of its spans that name an observed unit of work.
    pub(crate) rows: u64,
    /// These spans with the columns of their unit's id; empty if they are not known.
    pub(crate) spans: Vec<Row>,
}

impl OtherTable {
    /// Creates a table with these spans; `None` if there are none.
    pub(crate) fn new(name: String, spans: &[Row], unit: &Columns) -> Option<Self> {
        let columns = |span: &Row| {
            let columns = unit.columns().iter();
            columns.filter_map(|column| Some((column.clone(), span.get(column)?.clone()))).collect()
        };
        let rows = u64::try_from(spans.len()).unwrap_or(u64::MAX);
        (rows > 0).then(|| Self { name, rows, spans: spans.iter().map(columns).collect() })
    }

    /// Returns the table with only the spans of some units; `None` if it has none. If its spans are not known, returns
    /// the same table.
    pub(crate) fn of_units(&self, units: &BTreeSet<String>, unit: &Columns) -> Option<Self> {
        if self.spans.is_empty() {
            return Some(self.clone());
        }
        let is_own = |span: &&Row| id(span, unit).is_some_and(|unit| units.contains(&unit));
        let own: Vec<_> = self.spans.iter().filter(is_own).cloned().collect();
        Self::new(self.name.clone(), &own, unit)
    }
}

/// A span of another job that started while the observed units of work ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConcurrentSpan {
    /// Start time.
    pub(crate) started: DateTime<Utc>,
    /// Span name.
    pub(crate) name: String,
}

impl ConcurrentSpan {
    /// Takes start and name from a span; `None` if it lacks one of them.
    pub(crate) fn from_span(span: &Span) -> Option<Self> {
        Some(Self { started: span.start()?, name: span.name.clone()? })
    }
}

/// The log of an existing system's service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Log {
    /// Facts about the log as a whole.
    pub(crate) facts: LogFacts,
    /// The lines that match a probe (a line pattern) of the spec, in order.
    pub(crate) lines: Vec<LogLine>,
    /// Bytes of matching lines that were dropped because there were too many.
    pub(crate) dropped_bytes: u64,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogLine {
    /// Line number, from 1.
    pub(crate) number: u64,
    /// When the line was written; `None` without a timestamp that has a date.
    pub(crate) at: Option<DateTime<Utc>>,
    /// The text that the service wrote, without what a log collector added.
    pub(crate) text: String,
    /// The process, machine or container that wrote the line, such as `web-1 runner[812]`. What is in brackets is
    /// new at each start. `None` if the log does not name it.
    pub(crate) process: Option<String>,
}

/// Facts about a log as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LogFacts {
    /// File name; `-` is standard input.
    pub(crate) name: String,
    /// Number of lines.
    pub(crate) lines: u64,
    /// First timestamp; `None` if no line has one.
    pub(crate) first: Option<DateTime<Utc>>,
    /// Last timestamp; `None` if no line has one.
    pub(crate) last: Option<DateTime<Utc>>,
    /// Number of the last line that reports a service start; `None` if there is none.
    pub(crate) last_start: Option<u64>,
    /// Lines about a process that crashed, as `log:12  text`.
    pub(crate) crashes: Vec<String>,
    /// Number of startup lines that contradict the last startup line of the log: one says that
    /// tracing is on and the other that it is off, or the two have different values of the tracing
    /// flag.
    pub(crate) contradictions: usize,
    /// The tools that wrote the lines, from the outside to the inside; empty for none.
    pub(crate) line_format: String,
    /// Lines that contain the text of a probe, and do not match it because of what is before or after it, as
    /// `log:12  text`.
    pub(crate) unclear: Vec<String>,
    /// Whether the times do not contain their zone, `--log-zone` was not used, and no line shows the zone. They
    /// are read as UTC.
    pub(crate) lacks_zone: bool,
    /// The zone that lines of the log show together with the rows, such as `+02:00 (log:12)`. If `lacks_zone`, the
    /// zone that would fit, such as `+02:00`, or those that fit equally well, as `+00:00 or +01:00`. Empty for none.
    pub(crate) fitting_zone: String,
    /// Whether the log has lines about the start of spans, at any time.
    pub(crate) has_begin_lines: bool,
    /// Why a line that is not in the log proves nothing, such as another job whose spans are stored and have no
    /// line either. Each is a sentence without its period.
    pub(crate) doubts: Vec<String>,
    /// Lines about spans that were not written at the time of the jobs, as `log:12  text`.
    pub(crate) outside: Vec<String>,
    /// The number of lines about spans of another time.
    pub(crate) outside_lines: u64,
    /// Whether no line matches a probe other than that of the start, and no line names an observed job or unit. The log
    /// may be from a different service.
    pub(crate) is_foreign: bool,
}
