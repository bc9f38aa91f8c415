//! One piece of evidence of a finding, as data and as text. A unit is one part of a job and should
//! leave spans; a probe is a pattern of the spec for lines of the service's output.

use std::fmt;

use super::facts::{Facts, Match};
use super::last_lines::last_lines;
use crate::observation::{
    Failure, Field, Line, Location, Rows, Span, Submission, TrialRecord, Unit, located,
};
use crate::process::Ending;
use crate::spec::Value;
use crate::upstream::Exchange;

/// Maximum number of pieces of evidence of one kind in a finding.
const MAX_PER_KIND: usize = 4;
/// Maximum number of characters of an SQL statement in the text.
const MAX_STATEMENT_CHARS: usize = 160;

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// A line of output or log.
    Line {
        /// The stream or log, and the line number.
        place: Location,
        /// The text of the line.
        text: String,
        /// The name of the process in the spec; `None` for the main process of the service.
        process: Option<String>,
    },
    /// A variable of the service's environment.
    Variable {
        /// Variable name.
        name: String,
        /// Variable value.
        value: Value,
    },
    /// A row of a job.
    Job {
        /// Table name.
        table: String,
        /// Job id; `None` if there is only one job.
        id: Option<String>,
        /// Job status; `None` if the column is null.
        status: Option<String>,
    },
    /// A row of a unit.
    Unit {
        /// Table name.
        table: String,
        /// Unit id; `None` if the column is null.
        id: Option<String>,
        /// The values of the key columns, which identify the unit within its job.
        key: String,
        /// Unit status; `None` if the column is null.
        status: Option<String>,
    },
    /// A span, with the fields that matter.
    Span {
        /// Table name.
        table: String,
        /// Span id; `None` if the column is null.
        id: Option<String>,
        /// Span name; `None` if the column is null.
        name: Option<String>,
        /// Column names with their values; a value is `None` if it is null.
        fields: Vec<(String, Option<String>)>,
        /// What is wrong with the span, if the fields do not show that.
        remark: Option<String>,
    },
    /// How many rows a table has.
    RowCount {
        /// Table name.
        table: String,
        /// Number of rows: those with the span name in `of`, or all rows if `of` is `None`.
        rows: usize,
        /// The span name whose rows are counted, and the number of all rows; `None` if all rows are counted.
        of: Option<(String, usize)>,
    },
    /// A table that can't be read.
    Unreadable {
        /// Table name.
        table: String,
        /// The database server's error.
        why: String,
    },
    /// Rows of spans in a table other than the one that the spec names.
    Elsewhere {
        /// Name of the other table.
        table: String,
        /// Number of rows.
        rows: u64,
        /// Whether the rows are known to belong to the units of the finding.
        of_units: bool,
    },
    /// The service's answer to a submitted job.
    Submission(Submission),
    /// A request to the fake upstream that matched none of its configured replies.
    Request {
        /// HTTP method.
        method: String,
        /// Path.
        path: String,
        /// The configured reply that is most similar to the request.
        nearest: String,
    },
    /// How the service exited.
    Exit {
        /// Exit code or signal.
        ending: Ending,
        /// Milliseconds from its start; `None` if the time does not matter.
        at_ms: Option<u64>,
        /// Further information.
        remark: Option<String>,
    },
    /// A process that kept running after the service had stopped, as `pid (name)`.
    Process(String),
    /// What the witness counted: triggers on the span table log each attempt to insert a span.
    Witness {
        /// Number of `INSERT` statements that began.
        begun: usize,
        /// Number of rows that these statements tried to insert.
        tried: usize,
        /// Number of rows whose statement succeeded.
        written: usize,
        /// Number of rows that are stored in the end.
        kept: usize,
    },
    /// An error in the database server's log.
    ServerLog(Failure),
    /// The outcome of the job in one of two cases that are compared.
    Compared {
        /// How the case differs from the other one: tracing `on` or `off`, `with` or `without` a fault, or a
        /// flag's value.
        word: String,
        /// Case id.
        case: String,
        /// What happened in the case, such as the statuses of the job and its units.
        outcome: String,
        /// `false` for the case of the finding, `true` for the case that it is compared with.
        other: bool,
    },
    /// A fault: a disturbance that spanproof caused on purpose in this case.
    Fault {
        /// Fault name.
        name: String,
        /// What the fault does.
        about: String,
    },
    /// Any other evidence, as text.
    Note(String),
    /// This many further pieces of evidence of the same kind were left out.
    More(usize),
}

impl Evidence {
    /// The row of a unit.
    pub(super) fn unit(facts: &Facts<'_>, unit: &Unit) -> Self {
        Self::Unit {
            table: facts.spec.tables.units.table.clone(),
            id: unit.id.clone(),
            key: unit.key.clone(),
            status: unit.status.clone(),
        }
    }

    /// The rows of the first units, and how many more there are.
    pub(super) fn units(facts: &Facts<'_>) -> Vec<Self> {
        limit(facts.units.iter().map(|unit| Self::unit(facts, unit)))
    }

    /// A span with some of its fields. A field without a column in the spec is left out.
    pub(super) fn span(facts: &Facts<'_>, span: &Span, fields: &[Field]) -> Self {
        let mapping = &facts.spec.tables.spans;
        let fields = fields.iter().map(|field| (field.column(mapping), span.field_text(*field)));
        let with_column = fields.filter(|(column, _)| !column.is_empty());
        Self::span_with(facts, span, with_column.collect())
    }

    /// A span with some of its fields, and a remark about what is wrong with it.
    pub(super) fn span_with_remark(
        facts: &Facts<'_>,
        span: &Span,
        fields: &[Field],
        text: impl Into<String>,
    ) -> Self {
        let mut evidence = Self::span(facts, span, fields);
        if let Self::Span { remark, .. } = &mut evidence {
            *remark = Some(text.into());
        }
        evidence
    }

    /// A span with column names and their values.
    pub(super) fn span_with(
        facts: &Facts<'_>,
        span: &Span,
        fields: Vec<(String, Option<String>)>,
    ) -> Self {
        Self::Span {
            table: facts.span_table.clone(),
            id: span.id.clone(),
            name: span.name.clone(),
            fields,
            remark: None,
        }
    }

    /// The number of all stored spans, or why they can't be read.
    pub(super) fn span_count(facts: &Facts<'_>) -> Self {
        let table = facts.span_table.clone();
        match &facts.unreadable {
            Some(why) => Self::Unreadable { table, why: why.clone() },
            None => Self::RowCount { table, rows: facts.spans.len(), of: None },
        }
    }

    /// The first lines that match a probe.
    pub(super) fn lines<T>(matches: &[Match<'_, T>]) -> Vec<Self> {
        limit(matches.iter().map(Self::from))
    }

    /// The last lines that the service printed, and the error before them.
    pub(super) fn last_lines(facts: &Facts<'_>) -> Vec<Self> {
        last_lines(&facts.observation.lines()).into_iter().map(Self::from).collect()
    }

    /// The rows of the first jobs, or why they can't be read. `with_ids` is needed if there are several jobs.
    pub(super) fn jobs(facts: &Facts<'_>, with_ids: bool) -> Vec<Self> {
        let table = &facts.spec.tables.jobs.table;
        match facts.job_rows() {
            Rows::Unreadable(why) => {
                vec![Self::Unreadable { table: table.clone(), why: why.clone() }]
            }
            Rows::Found(_) => limit(facts.jobs.iter().map(|job| Self::Job {
                table: table.clone(),
                id: if with_ids { Some(job.id.clone().unwrap_or_default()) } else { None },
                status: job.status.clone(),
            })),
        }
    }

    /// Evidence that may explain why a job failed or did not end: the last lines of the service and of
    /// each helper process, errors of the database server, and requests without a configured reply.
    pub(super) fn circumstances(facts: &Facts<'_>) -> Vec<Self> {
        let mut evidence = Self::last_lines(facts);
        for helper in facts.trial().into_iter().flat_map(|trial| &trial.helpers) {
            let lines = located(helper);
            let last = &lines[lines.len().saturating_sub(2)..];
            evidence.extend(last.iter().map(|line| Self::from(*line)));
        }
        evidence.extend(facts.trial().into_iter().flat_map(Self::server_errors));
        evidence.extend(limit(facts.exchanges().iter().filter_map(Self::unmatched)));
        evidence
    }

    /// The first distinct errors that the server logged about the database of a trial.
    pub(super) fn server_errors(trial: &TrialRecord) -> Vec<Self> {
        let mut errors: Vec<Self> = Vec::new();
        for failure in &trial.server_errors {
            let error = Self::ServerLog(failure.clone());
            if !errors.contains(&error) {
                errors.push(error);
            }
        }
        limit(errors)
    }

    /// A request that matched no configured reply of the fake upstream; `None` if it matched one.
    pub(super) fn unmatched(exchange: &Exchange) -> Option<Self> {
        let crate::upstream::Answer::Unmatched(nearest) = &exchange.answer else { return None };
        let (method, path) = (exchange.method.clone(), exchange.path.clone());
        Some(Self::Request { method, path, nearest: nearest.clone() })
    }
}

impl<T> From<&Match<'_, T>> for Evidence {
    fn from(found: &Match<'_, T>) -> Self {
        found.line.into()
    }
}

impl From<Line<'_>> for Evidence {
    fn from(line: Line<'_>) -> Self {
        let (text, process) = (line.text.to_owned(), line.process.map(str::to_owned));
        Self::Line { place: line.location, text, process }
    }
}

/// Returns the first pieces of evidence of one kind, and how many more there are.
pub(super) fn limit(all: impl IntoIterator<Item = Evidence>) -> Vec<Evidence> {
    let mut all: Vec<_> = all.into_iter().collect();
    if all.len() > MAX_PER_KIND {
        let more = all.len() - MAX_PER_KIND + 1;
        all.truncate(MAX_PER_KIND - 1);
        all.push(Evidence::More(more));
    }
    all
}

fn or_null(text: Option<&str>) -> &str {
    text.unwrap_or("null")
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { place, text, process: None } => write!(f, "{place}  {text}"),
            Self::Line { place, text, process: Some(name) } => {
                write!(f, "{place} ({name})  {text}")
            }
            Self::Variable { name, value } => write!(f, "environment  {name}={value}"),
            Self::Job { table, id: Some(id), status } => {
                write!(f, "{table} {id}: {}", status.as_deref().unwrap_or_default())
            }
            Self::Job { table, id: None, status } => {
                write!(f, "{table}: {}", or_null(status.as_deref()))
            }
            Self::Unit { table, id, key, status } => {
                let (id, status) = (or_null(id.as_deref()), or_null(status.as_deref()));
                write!(f, "{table} {id} ({key}): {status}")
            }
            Self::Span { table, id, name, fields, remark } => {
                let name = name.as_deref().unwrap_or("unnamed");
                write!(f, "{table} {name} span {}:", id.as_deref().unwrap_or_default())?;
                for (name, value) in fields {
                    write!(f, " {name}={}", or_null(value.as_deref()))?;
                }
                remark.iter().try_for_each(|remark| write!(f, " ({remark})"))
            }
            Self::RowCount { table, rows, of: None } => write!(f, "{table}: {rows} rows"),
            Self::RowCount { table, rows, of: Some((name, all)) } => {
                write!(f, "{table}: {rows} `{name}` of {all} rows")
            }
            Self::Unreadable { table, why } => write!(f, "{table}: {why}"),
            Self::Elsewhere { table, rows, of_units } => {
                let what = if *of_units { "spans of these units" } else { "rows" };
                write!(f, "{table}: {rows} {what}")
            }
            Self::Submission(submission) => f.write_str(&submission_text(submission)),
            Self::Request { method, path, nearest } => {
                write!(f, "upstream: {method} {path} (nearest reply: {nearest})")
            }
            Self::Exit { ending, at_ms, remark } => {
                write!(f, "exit: {ending}")?;
                at_ms.iter().try_for_each(|ms| write!(f, " after {ms} ms"))?;
                remark.iter().try_for_each(|remark| write!(f, ", {remark}"))
            }
            Self::Process(process) => f.write_str(process),
            Self::Witness { begun, tried, written, kept } => write!(
                f,
                "witness: {begun} inserting statements began, {tried} rows were tried, {written} written, {kept} are kept"
            ),
            Self::ServerLog(Failure { state, message, statement }) => {
                write!(f, "server log: {state} {message}")?;
                statement.iter().try_for_each(|sql| write!(f, "; statement: {}", shorten(sql)))
            }
            Self::Compared { word, case, outcome, other: _ } => {
                write!(f, "{word:<3}  case {case}: {outcome}")
            }
            Self::Fault { name, about } => write!(f, "fault  {name}: {about}"),
            Self::Note(text) => f.write_str(text),
            Self::More(more) => write!(f, "… and {more} more"),
        }
    }
}

/// The service's answer to a job, or why there was none.
fn submission_text(Submission { request, status, body }: &Submission) -> String {
    let is_http = !request.starts_with("SQL ") && !request.starts_with("command ");
    match status {
        0 if is_http => format!("{request}: no answer: {body}"),
        _ if is_http => format!("{request}: HTTP {status}: {body}"),
        _ => format!("{}: {body}", shorten(request)),
    }
}

/// Puts a statement on one line and cuts it off if it is long.
pub(super) fn shorten(statement: &str) -> String {
    let words: Vec<_> = statement.split_whitespace().collect();
    let text = words.join(" ");
    match text.char_indices().nth(MAX_STATEMENT_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
