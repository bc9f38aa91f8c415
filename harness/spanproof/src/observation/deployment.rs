//! The evidence of an existing system besides its rows: its log, and how its database was read.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{Row, SharedSpans, Span, id};
use crate::spec::Columns;

/// What may be unknown about the date of a log line: the order of `10/11/2025`, and the year of `Oct 22`. Texts in
/// [`LogFacts::unclear`] contain these texts.
pub(crate) const DATE_DOUBTS: [&str; 2] =
    ["its date may begin with the day or the month", "its date may belong to several years"];

/// The evidence of an existing system besides the rows of its jobs, units and spans.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deployment {
    /// The database URL or the name of the dump; `None` if neither was given.
    pub(crate) database: Option<String>,
    /// The log; `None` if none was given.
    pub(crate) log: Option<Log>,
    /// Tables with the span table's name in other schemas that contain spans of the observed units (the parts
    /// of a job).
    pub(crate) other_tables: Vec<OtherTable>,
    /// Spans of other jobs that started while the observed units ran: log lines of that period may
    /// belong to these spans.
    pub(crate) concurrent_spans: Vec<ConcurrentSpan>,
    /// What could not be read, each with its reason.
    pub(crate) unread: Vec<String>,
    /// Postgres's query plan for each query, in a short form.
    pub(crate) plans: Vec<String>,
    /// Spans that may belong to the selected jobs or to other jobs. Computed when jobs are selected, and not
    /// stored.
    pub(crate) shared_spans: SharedSpans,
}

/// A table with the span table's name in a different schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OtherTable {
    /// The name with its schema.
    pub(crate) name: String,
    /// The number of its spans that name an observed unit of work.
    pub(crate) rows: u64,
    /// The columns of the unit's id in each of these spans; empty if the spans were not read.
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

    /// Returns the table with only the spans of some units; `None` if it has no spans of these units. If its
    /// spans were not read, returns the same table.
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
    /// The process, machine or container that wrote the line, such as `web-1 runner[812]`. The number in
    /// brackets changes at each start. `None` if the log does not name the process.
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
    /// Number of startup lines that contradict the last startup line of the same process, which may have been
    /// restarted: only one of the two lines reports that tracing is on, or they have different values of the
    /// tracing flag.
    pub(crate) contradictions: usize,
    /// The formats of the tools that collected the lines, outermost first, such as `flyctl around JSON`; empty
    /// if there are none.
    pub(crate) line_format: String,
    /// Lines that would match a probe without the text before or after, that perhaps only quote such a line, or
    /// whose date is not known (see [`DATE_DOUBTS`]), as `log:12  text`.
    pub(crate) unclear: Vec<String>,
    /// Whether the time zone is unknown: the times do not contain it, `--log-zone` was not used, and it does
    /// not follow from a comparison with the rows. The times are then read as UTC.
    pub(crate) lacks_zone: bool,
    /// The time zone that follows from a comparison of a line with the rows, and this line, such as
    /// `+02:00 (log:12)`. If `lacks_zone`, only a guess: the zones that fit, such as `+00:00 or +01:00`.
    /// Empty if there is none.
    pub(crate) fitting_zone: String,
    /// Whether the log has lines about the start of spans, at any time.
    pub(crate) has_begin_lines: bool,
    /// Reasons why a missing line proves nothing, for example: another job has stored spans, and the log has
    /// no line about these spans either. Each is a sentence without its period.
    pub(crate) doubts: Vec<String>,
    /// The first lines about spans that were written before or after the jobs, as `log:12  text`.
    pub(crate) outside: Vec<String>,
    /// The number of all such lines.
    pub(crate) outside_lines: u64,
    /// Whether no line matches a probe other than `started`, and no line names an observed job or unit. The
    /// log may then be from a different service.
    pub(crate) is_foreign: bool,
}
