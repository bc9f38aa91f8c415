//! Finds traces of an existing system by job, unit of work or trace id, or finds the newest traces.
//! Messages call a unit of work an execution, like the option `--execution`.

use std::collections::BTreeSet;

use super::catalog::Table;
use super::diagnostic::{FunctionResult, explain_executions};
use super::jobs::job;
use super::lookup::{Conditions, Key, Lookup, ROW_LIMIT, ids as unit_ids, texts};
use super::required_columns::row_security;
use super::session::{Error, Session};
use super::window::Window;
use crate::mask::Secrets;
use crate::observation::{self, Row, Rows, Span};
use crate::spec::{SpanTable, Spec};

/// Number of spans to read with one statement in the search for the newest traces.
const PAGE_SPANS: usize = 2_000;

/// Which traces to find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TraceQuery {
    /// The traces of a job, by its id or name.
    Job(String),
    /// The traces of a unit, by its id.
    Unit(String),
    /// One trace, by its id.
    Trace(String),
    /// This many of the newest traces.
    Newest(usize),
}

/// The traces that match a query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TraceMatches {
    /// The name of the span column with the job's id; empty if the spec names no such column.
    pub(crate) job_column: String,
    /// Every span of the traces, earliest first, secrets masked.
    pub(crate) spans: Vec<Span>,
    /// The results of the SQL functions that explain a unit of work; empty if the database has no
    /// such function.
    pub(crate) diagnostics: Vec<FunctionResult>,
    /// What could not be read, each with its reason.
    pub(crate) unread: Vec<String>,
}

/// Finds every trace that has a span that matches the query, and returns all spans of these traces.
/// The window applies only to [`TraceQuery::Newest`].
///
/// # Errors
/// If no span matches, or the table can't be read.
pub async fn find_traces(
    session: &mut Session,
    spec: &Spec,
    query: &TraceQuery,
    window: Window,
) -> Result<TraceMatches, Error> {
    let columns = &spec.tables.spans;
    let mut lookup = Lookup::new(session, spec);
    let table = read_table(&mut lookup, "spans", &columns.table).await?;
    for (key, column) in
        [("trace", &columns.trace), ("id", &columns.id), ("started", &columns.started)]
    {
        require_columns(&table, columns, key, std::slice::from_ref(column))?;
    }
    let traces = trace_ids(&mut lookup, &table, query, window).await?;
    if traces.is_empty() {
        return Err(no_span(&mut lookup, &table, query, window).await?);
    }
    let spans = all_spans(&mut lookup, &table, &traces).await?;
    let diagnostics = explain_executions(&mut lookup, &spans).await?;
    let rows = Rows::from(spans).masked(spec, observation::Table::Spans, &Secrets::default());
    let spans = Span::with_attributes(columns, rows.all());
    let job_column = spec.tables.span_job();
    Ok(TraceMatches { job_column, spans, diagnostics, unread: lookup.unread })
}

/// Looks up the table that the spec names under `[tables.KEY]`.
async fn read_table(lookup: &mut Lookup<'_>, key: &str, name: &str) -> Result<Table, Error> {
    let unreadable =
        |reason| Error::NotFound(format!("`{name}` (`table` under `[tables.{key}]`): {reason}"));
    Table::read(lookup.session, name).await?.accepted_or(unreadable)
}

/// Fails if the span table lacks one of the `required` columns, or if `required` is empty. `key` is the
/// key under `[tables.spans]` that names the columns.
fn require_columns(
    table: &Table,
    columns: &SpanTable,
    key: &str,
    required: &[String],
) -> Result<(), Error> {
    let name = &columns.table;
    let all = table.names().collect::<Vec<_>>().join(", ");
    let problem = match required {
        [] => format!("the spec names no column for `{key}`; `{name}` has {all}"),
        required => match required.iter().find(|column| !table.has_column(column)) {
            Some(column) => format!("`{name}` has no column `{column}`, only {all}"),
            None => return Ok(()),
        },
    };
    Err(Error::NotFound(format!("{problem}; set `{key}` under `[tables.spans]`")))
}

/// Returns the ids of the traces with spans that match the query.
async fn trace_ids(
    lookup: &mut Lookup<'_>,
    table: &Table,
    query: &TraceQuery,
    window: Window,
) -> Result<Vec<String>, Error> {
    let tables = &lookup.spec.tables;
    let (columns, units) = (&tables.spans, &tables.units);
    let found = match query {
        TraceQuery::Newest(count) => return newest_traces(lookup, table, window, *count).await,
        TraceQuery::Trace(id) => {
            let by_trace = Key::new(&columns.trace, std::slice::from_ref(id));
            require_type(table, columns, "a trace id", by_trace)?;
            lookup.rows_by(observation::Table::Spans, &columns.table, &[by_trace]).await?
        }
        TraceQuery::Unit(id) => {
            let by_unit = Key { columns: columns.unit.columns(), values: std::slice::from_ref(id) };
            require_columns(table, columns, "unit", by_unit.columns)?;
            require_type(table, columns, "an execution id", by_unit)?;
            lookup.rows_by(observation::Table::Spans, &columns.table, &[by_unit]).await?
        }
        TraceQuery::Job(key) => {
            let jobs = read_table(lookup, "jobs", &tables.jobs.table).await?;
            let row = job(lookup, &jobs, key).await?;
            let ids = texts(&[row], &tables.jobs.id);
            let by_job = Key::new(&units.job, &ids);
            let table = observation::Table::Units;
            let unit_rows = lookup.rows_by(table, &units.table, &[by_job]).await?;
            let unit_rows = unit_rows.accepted_or_default();
            let (unit_ids, job) = (unit_ids(&unit_rows, &units.id), tables.span_job());
            let by_unit = Key { columns: columns.unit.columns(), values: &unit_ids };
            let keys = [by_unit, Key::new(&job, &ids)];
            lookup.rows_by(observation::Table::Spans, &columns.table, &keys).await?
        }
    };
    let mut seen = BTreeSet::new();
    let mut traces = texts(&found.accepted_or(Error::NotFound)?, &columns.trace);
    traces.retain(|trace| seen.insert(trace.clone()));
    Ok(traces)
}

/// Fails if the type of the key's column does not allow an id. `what` describes the id in the
/// message.
fn require_type(table: &Table, columns: &SpanTable, what: &str, key: Key<'_>) -> Result<(), Error> {
    let name = &columns.table;
    let [column] = key.columns else { return require_parts(columns, what, key) };
    let column_type = table.column_type(column).unwrap_or_default();
    match key.values.iter().find(|id| !table.can_contain(column, id)) {
        None => Ok(()),
        Some(id) => Err(Error::InvalidId(format!(
            "`{id}` is not {what}: `{name}.{column}` has the type {column_type}"
        ))),
    }
}

/// Fails if an id has fewer parts than the key has columns. `what` describes the id in the message.
fn require_parts(columns: &SpanTable, what: &str, key: Key<'_>) -> Result<(), Error> {
    match key.values.iter().find(|id| id.matches('/').count() + 1 < key.columns.len()) {
        None => Ok(()),
        Some(id) => Err(Error::InvalidId(format!(
            "`{id}` is not {what}: in `{}` it has the parts `{}`, such as `7/1`",
            columns.table, columns.unit
        ))),
    }
}

/// Returns the ids of the traces with the newest spans. Reads spans in pages. One trace may fill a
/// page, so each page excludes the traces found so far.
async fn newest_traces(
    lookup: &mut Lookup<'_>,
    table: &Table,
    window: Window,
    count: usize,
) -> Result<Vec<String>, Error> {
    let columns = &lookup.spec.tables.spans;
    let [trace, newest] = [table.value(&columns.trace), table.descending(&columns.started)]
        .map(Option::unwrap_or_default);
    let mut traces: Vec<String> = Vec::new();
    loop {
        let mut conditions = Conditions::default();
        conditions.add(format!("{trace} is not null"));
        conditions.require_none_of(table, &columns.trace, &traces);
        conditions.require_within(table, &columns.started, window);
        let sql = format!(
            "select jsonb_build_object('trace', {trace}) from {} {} order by {newest} limit {PAGE_SPANS}",
            table.name,
            conditions.clause()
        );
        let found =
            lookup.session.look_up("the newest spans", &sql, &conditions.parameters()).await?;
        let missing = |reason| Error::NotFound(format!("the newest spans: {reason}"));
        let page = texts(&found.accepted_or(missing)?, "trace");
        let is_last_page = page.len() < PAGE_SPANS;
        let mut seen = BTreeSet::new();
        traces.extend(page.into_iter().filter(|trace| seen.insert(trace.clone())));
        if is_last_page || traces.len() >= count {
            traces.truncate(count);
            return Ok(traces);
        }
    }
}

/// Reads all spans of the traces, earliest first. If there are too many spans, leaves out the latest
/// spans. Parents start before their children, so the trees keep their roots.
async fn all_spans(
    lookup: &mut Lookup<'_>,
    table: &Table,
    traces: &[String],
) -> Result<Vec<Row>, Error> {
    let columns = &lookup.spec.tables.spans;
    let what = format!("{} by {}", columns.table, columns.trace);
    let mut conditions = Conditions::default();
    conditions.require_any(table, &columns.trace, traces);
    let (clause, parameters) = (conditions.clause(), conditions.parameters());
    // `offset 0` keeps `order by` from changing which index Postgres chooses.
    let sql = format!(
        "select {} from (select * from {} {clause} offset 0) r order by {} limit {ROW_LIMIT}",
        table.row_as_json(),
        table.name,
        table.value(&columns.started).unwrap_or_default()
    );
    let spans = lookup.look_up(observation::Table::Spans, &what, &sql, &parameters).await?;
    let spans = spans.accepted_or(|reason| Error::NotFound(format!("{what}: {reason}")))?;
    if spans.len() == ROW_LIMIT {
        let sql = format!("select to_jsonb(count(*)) from {} {clause}", table.name);
        let count = lookup.session.values(&what, &sql, &parameters).await?.accepted_or_default();
        match count.first().and_then(serde_json::Value::as_u64) {
            Some(all) if all == ROW_LIMIT as u64 => {}
            Some(all) => {
                let more = all.saturating_sub(ROW_LIMIT as u64);
                lookup.unread.push(format!("{what}: the latest {more} of {all} spans"));
            }
            None => {
                lookup.unread.push(format!("{what}: only the first {ROW_LIMIT} spans were read"));
            }
        }
    }
    Ok(spans)
}

/// Creates the error for a query that matches no span. The message names the newest trace.
async fn no_span(
    lookup: &mut Lookup<'_>,
    table: &Table,
    query: &TraceQuery,
    window: Window,
) -> Result<Error, Error> {
    let name = &lookup.spec.tables.spans.table;
    let what = match query {
        TraceQuery::Job(job) => format!(" of the job `{job}`"),
        TraceQuery::Unit(unit) => format!(" of the execution `{unit}`"),
        TraceQuery::Trace(trace) => format!(" of the trace `{trace}`"),
        TraceQuery::Newest(_) if window == Window::default() => String::new(),
        TraceQuery::Newest(_) => " in this period".into(),
    };
    let newest = newest_traces(lookup, table, Window::default(), 1).await?;
    let hint = match newest.first() {
        _ if table.has_row_security => row_security(name),
        Some(trace) => format!("the newest span belongs to trace {trace}"),
        None => format!("`{name}` is empty"),
    };
    Ok(Error::NotFound(format!(
        "`{name}` has no span{what}; {hint}; `spanproof diagnose` explains missing spans"
    )))
}
