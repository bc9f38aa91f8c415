//! One piece of evidence that a finding rests on, as data; its text is made from it.

use std::fmt;

use super::facts::{Facts, Match};
use crate::observation::{
    Failure, Field, Line, Location, Rows, Span, Submission, TrialRecord, Unit, located,
};
use crate::process::Ending;
use crate::spec::Value;
use crate::upstream::Exchange;

/// How many pieces of evidence of one kind a finding has.
const MAX_PER_KIND: usize = 4;
/// Characters of a statement in the text.
const STATEMENT: usize = 160;

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// A line of output or log.
    Line {
        /// Where it stands.
        place: Location,
        /// The line.
        text: String,
        /// The name of the process in the spec; `None` for the main process of the service.
        process: Option<String>,
    },
    /// A variable of the service's environment.
    Variable {
        /// Its name.
        name: String,
        /// Its value.
        value: Value,
    },
    /// A row of a job.
    Job {
        /// The table.
        table: String,
        /// The job's id; `None` if it is the only one.
        id: Option<String>,
        /// Its status; `None` if that is null.
        status: Option<String>,
    },
    /// A row of a unit.
    Unit {
        /// The table.
        table: String,
        /// The unit's id.
        id: Option<String>,
        /// Which unit of its job it is.
        key: String,
        /// Its status; `None` if that is null.
        status: Option<String>,
    },
    /// A span, with the fields that matter.
    Span {
        /// The table.
        table: String,
        /// The span's id.
        id: Option<String>,
        /// Its name.
        name: Option<String>,
        /// Fields with their values; a value is `None` if it is null.
        fields: Vec<(String, Option<String>)>,
        /// What is wrong with it, if the fields do not show that.
        remark: Option<String>,
    },
    /// How many rows a table has.
    RowCount {
        /// The table.
        table: String,
        /// All of its rows, or those of one operation.
        rows: usize,
        /// The operation that is counted, and the number of all rows.
        of: Option<(String, usize)>,
    },
    /// A table that can't be read.
    Unreadable {
        /// The table.
        table: String,
        /// The server's reason.
        why: String,
    },
    /// Rows of spans in another table.
    Elsewhere {
        /// The table.
        table: String,
        /// How many.
        rows: u64,
        /// Whether they are known to be of these units.
        of_units: bool,
    },
    /// The service's answer to a job.
    Submission(Submission),
    /// A request to the upstream that matched no reply of its behaviour.
    Request {
        /// Its method.
        method: String,
        /// Its path.
        path: String,
        /// The reply that is nearest to it.
        nearest: String,
    },
    /// How the service ended.
    Exit {
        /// How.
        ending: Ending,
        /// Milliseconds from its start; `None` if they do not matter.
        at_ms: Option<u64>,
        /// What else is to know.
        remark: Option<String>,
    },
    /// A process that kept running after the service had stopped, as `pid (name)`.
    Process(String),
    /// The server's testimony about the span table.
    Witness {
        /// Inserting statements that began.
        begun: usize,
        /// Rows that were to be inserted.
        tried: usize,
        /// Rows whose statement ended well.
        written: usize,
        /// Rows that are there.
        kept: usize,
    },
    /// An error in the server's log.
    ServerLog(Failure),
    /// The case that another one is compared with, and what the job came to in it.
    Compared {
        /// What the case has, or has not: `on`, `off`, `with`, `without`.
        word: String,
        /// The case's id.
        case: String,
        /// What its job came to.
        outcome: String,
        /// Whether it is the other case, and not the one that the finding is about.
        other: bool,
    },
    /// A fault of the world.
    Fault {
        /// Its name.
        name: String,
        /// What it does.
        about: String,
    },
    /// Evidence that has no shape of its own.
    Note(String),
    /// More of the same kind.
    More(usize),
}

impl Evidence {
    /// A unit.
    pub(super) fn unit(facts: &Facts<'_>, unit: &Unit) -> Self {
        Self::Unit {
            table: facts.spec.tables.units.table.clone(),
            id: unit.id.clone(),
            key: unit.key.clone(),
            status: unit.status.clone(),
        }
    }

    /// The units, but not endlessly many.
    pub(super) fn units(facts: &Facts<'_>) -> Vec<Self> {
        some(facts.units.iter().map(|unit| Self::unit(facts, unit)))
    }

    /// A span with some of its fields; those that are not recorded at all are left out.
    pub(super) fn span(facts: &Facts<'_>, span: &Span, fields: &[Field]) -> Self {
        let mapping = &facts.spec.tables.spans;
        let fields = fields.iter().map(|field| (field.column(mapping), span.field_text(*field)));
        let named = fields.filter(|(name, _)| !name.is_empty());
        Self::span_with(facts, span, named.collect())
    }

    /// A span with some of its fields, and what is wrong with it.
    pub(super) fn span_with_remark(
        facts: &Facts<'_>,
        span: &Span,
        fields: &[Field],
        wrong: impl Into<String>,
    ) -> Self {
        match Self::span(facts, span, fields) {
            Self::Span { table, id, name, fields, .. } => {
                Self::Span { table, id, name, fields, remark: Some(wrong.into()) }
            }
            other => other,
        }
    }

    /// A span with fields that are named already.
    pub(super) fn span_with(
        facts: &Facts<'_>,
        span: &Span,
        fields: Vec<(String, Option<String>)>,
    ) -> Self {
        Self::Span {
            table: facts.span_place.clone(),
            id: span.id.clone(),
            name: span.name.clone(),
            fields,
            remark: None,
        }
    }

    /// The number of spans, or why they can't be read.
    pub(super) fn span_count(facts: &Facts<'_>) -> Self {
        let table = facts.span_place.clone();
        match &facts.unreadable {
            Some(why) => Self::Unreadable { table, why: why.clone() },
            None => Self::RowCount { table, rows: facts.spans.len(), of: None },
        }
    }

    /// Lines that a probe recognised, but not endlessly many.
    pub(super) fn lines<T>(matches: &[Match<'_, T>]) -> Vec<Self> {
        some(matches.iter().map(Self::from))
    }

    /// The last lines that were printed.
    pub(super) fn last_lines(facts: &Facts<'_>, most: usize) -> Vec<Self> {
        let lines = facts.observation.lines();
        lines[lines.len().saturating_sub(most)..].iter().map(|line| Self::from(*line)).collect()
    }

    /// The rows of jobs with their statuses, or why they can't be read.
    pub(super) fn jobs(facts: &Facts<'_>, with_ids: bool) -> Vec<Self> {
        let table = &facts.spec.tables.jobs.table;
        match facts.job_rows() {
            Rows::Unreadable(why) => {
                vec![Self::Unreadable { table: table.clone(), why: why.clone() }]
            }
            Rows::Found(_) => some(facts.jobs.iter().map(|job| Self::Job {
                table: table.clone(),
                id: if with_ids { Some(job.id.clone().unwrap_or_default()) } else { None },
                status: job.status.clone(),
            })),
        }
    }

    /// What else the world has seen of a trial that did not come to its end: the last lines of the
    /// service and of each helper, errors of the server, and requests that the upstream did not know.
    pub(super) fn circumstances(facts: &Facts<'_>) -> Vec<Self> {
        let mut all = Self::last_lines(facts, 3);
        for helper in facts.trial().into_iter().flat_map(|trial| &trial.helpers) {
            let lines = located(helper);
            all.extend(lines[lines.len().saturating_sub(2)..].iter().map(|line| Self::from(*line)));
        }
        all.extend(facts.trial().into_iter().flat_map(Self::server_errors));
        all.extend(some(facts.exchanges().iter().filter_map(Self::unmatched)));
        all
    }

    /// The errors that the server logged about the database of a trial, each one once.
    pub(super) fn server_errors(trial: &TrialRecord) -> Vec<Self> {
        let mut errors: Vec<Self> = Vec::new();
        for failure in &trial.server_errors {
            let error = Self::ServerLog(failure.clone());
            if !errors.contains(&error) {
                errors.push(error);
            }
        }
        some(errors)
    }

    /// A request that matched no reply; `None` if it matched one.
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

/// The first pieces of evidence of one kind, and how many more there are.
pub(super) fn some(all: impl IntoIterator<Item = Evidence>) -> Vec<Evidence> {
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
                let name = name.as_deref().unwrap_or("no operation");
                write!(f, "{table} {name} span {}:", id.as_deref().unwrap_or_default())?;
                for (name, value) in fields {
                    write!(f, " {name}={}", or_null(value.as_deref()))?;
                }
                remark.iter().try_for_each(|remark| write!(f, " ({remark})"))
            }
            Self::RowCount { table, rows, of: None } => write!(f, "{table}: {rows} rows"),
            Self::RowCount { table, rows, of: Some((operation, all)) } => {
                write!(f, "{table}: {rows} `{operation}` of {all} rows")
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
                statement.iter().try_for_each(|sql| write!(f, "; statement: {}", short(sql)))
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

/// The answer to a job, or why there is none.
fn submission_text(Submission { request, status, body }: &Submission) -> String {
    let is_http = !request.starts_with("SQL ") && !request.starts_with("command ");
    match status {
        0 if is_http => format!("{request}: no answer: {body}"),
        _ if is_http => format!("{request}: HTTP {status}: {body}"),
        _ => format!("{}: {body}", short(request)),
    }
}

/// In one line, and not endless.
fn short(statement: &str) -> String {
    let words: Vec<_> = statement.split_whitespace().collect();
    let text = words.join(" ");
    match text.char_indices().nth(STATEMENT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
