//! Traces of an existing system, found by what a user knows of them.

use crate::identifier;
use std::collections::BTreeSet;

use super::answer::{Answer, answers};
use super::catalog::Table;
use super::jobs::job;
use super::lookup::{Conditions, Key, Lookup, ROW_LIMIT, texts};
use super::moment::Window;
use super::session::{Error, Session};
use crate::mask::Secrets;
use crate::observation::{self, Row, Rows, Span};
use crate::spec::{SpanTable, Spec};

/// Newest spans read by one statement to find the newest traces.
const PAGE: usize = 2_000;

/// Which traces to find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TraceQuery {
    /// Those of a job, by its id or name.
    Job(String),
    /// Those of a unit, by its id.
    Unit(String),
    /// One, by its own id.
    Trace(String),
    /// The newest, and how many.
    Newest(usize),
}

/// The traces that match a query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TraceMatches {
    /// The column of spans that names the job; empty if the spec names none.
    pub(crate) job: String,
    /// Every span of the traces, the earliest first, secrets masked.
    pub(crate) spans: Vec<Span>,
    /// What the database's own functions say.
    pub(crate) answers: Vec<Answer>,
    /// What could not be read, each with its reason.
    pub(crate) unread: Vec<String>,
}

/// Finds traces: the spans that match the query, and all others of the same traces. The window
/// applies to the newest traces only.
///
/// # Errors
/// When no span matches, or the table can't be read.
pub async fn find_traces(
    session: &mut Session,
    spec: &Spec,
    query: &TraceQuery,
    window: Window,
) -> Result<TraceMatches, Error> {
    let columns = &spec.tables.spans;
    let mut lookup = Lookup::new(session, spec);
    let table = readable(&mut lookup, "spans", &columns.table).await?;
    for (key, column) in
        [("trace", &columns.trace), ("id", &columns.id), ("started", &columns.started)]
    {
        require_column(&table, columns, key, column)?;
    }
    let traces = trace_ids(&mut lookup, &table, query, window).await?;
    if traces.is_empty() {
        return Err(no_span(&mut lookup, &table, query, window).await?);
    }
    let spans = all_spans(&mut lookup, &table, &traces).await?;
    let answers = answers(&mut lookup, &spans).await?;
    let rows = Rows::Found(spans).masked(spec, observation::Table::Spans, &Secrets::default());
    let spans = Span::from_rows(columns, rows.all());
    let job = spec.tables.span_job().to_owned();
    Ok(TraceMatches { job, spans, answers, unread: lookup.unread })
}

/// The table that the spec names under a key.
async fn readable(lookup: &mut Lookup<'_>, key: &str, name: &str) -> Result<Table, Error> {
    let unreadable =
        |reason| Error::Missing(format!("`{name}` (`table` under `[tables.{key}]`): {reason}"));
    Table::read(lookup.session, name).await?.accepted_or(unreadable)
}

/// Refuses a span table without a column that is needed.
fn require_column(
    table: &Table,
    columns: &SpanTable,
    key: &str,
    column: &str,
) -> Result<(), Error> {
    if table.has(column) {
        return Ok(());
    }
    let all = table.names().collect::<Vec<_>>().join(", ");
    let name = &columns.table;
    Err(Error::Missing(format!(
        "`{name}` has no column `{column}`: it has {all}; name it as `{key}` under `[tables.spans]`"
    )))
}

/// The ids of the traces with spans that match the query.
async fn trace_ids(
    lookup: &mut Lookup<'_>,
    table: &Table,
    query: &TraceQuery,
    window: Window,
) -> Result<Vec<String>, Error> {
    let tables = &lookup.spec.tables;
    let (columns, units) = (&tables.spans, &tables.units);
    let found = match query {
        TraceQuery::Newest(most) => return newest_traces(lookup, table, window, *most).await,
        TraceQuery::Trace(id) => {
            require_type(table, columns, "a trace", Key::one(&columns.trace, id))?;
            lookup.rows_by(&columns.table, &[Key::one(&columns.trace, id)]).await?
        }
        TraceQuery::Unit(id) => {
            require_column(table, columns, "unit", &columns.unit)?;
            require_type(table, columns, "an execution", Key::one(&columns.unit, id))?;
            lookup.rows_by(&columns.table, &[Key::one(&columns.unit, id)]).await?
        }
        TraceQuery::Job(asked) => {
            let jobs = readable(lookup, "jobs", &tables.jobs.table).await?;
            let row = job(lookup, &jobs, asked).await?;
            let ids = texts(&[row], &tables.jobs.id);
            let by_job = Key { column: &units.job, values: &ids };
            let own = lookup.rows_by(&units.table, &[by_job]).await?.accepted_or_default();
            let own = texts(&own, &units.id);
            let keys = [
                Key { column: &columns.unit, values: &own },
                Key { column: tables.span_job(), values: &ids },
            ];
            lookup.rows_by(&columns.table, &keys).await?
        }
    };
    let mut seen = BTreeSet::new();
    let mut traces = texts(&found.accepted_or(Error::Missing)?, &columns.trace);
    traces.retain(|trace| seen.insert(trace.clone()));
    Ok(traces)
}

/// Refuses an id that no row can have.
fn require_type(table: &Table, columns: &SpanTable, what: &str, key: Key<'_>) -> Result<(), Error> {
    let (name, kind) = (&columns.table, table.kind(key.column).unwrap_or_default());
    match key.values.iter().find(|id| !table.may_hold(key.column, id)) {
        None => Ok(()),
        Some(id) => Err(Error::Asked(format!(
            "`{id}` can't be {what}: `{}` of `{name}` is {kind}",
            key.column
        ))),
    }
}

/// The ids of the traces with the newest spans. A trace may have more spans than a page: traces
/// that are known already are left out of the next page.
async fn newest_traces(
    lookup: &mut Lookup<'_>,
    table: &Table,
    window: Window,
    most: usize,
) -> Result<Vec<String>, Error> {
    let columns = &lookup.spec.tables.spans;
    let trace = identifier::name(&columns.trace);
    let mut traces: Vec<String> = Vec::new();
    loop {
        let mut conditions = Conditions::default();
        conditions.add(format!("{trace} is not null"));
        conditions.is_none_of(table, &columns.trace, &traces);
        conditions.is_within(table, &columns.started, window);
        let sql = format!(
            "select jsonb_build_object('trace', {trace}) from {} {} order by {} desc limit {PAGE}",
            table.name,
            conditions.clause(),
            identifier::name(&columns.started)
        );
        let found =
            lookup.session.look_up("the newest spans", &sql, &conditions.parameters()).await?;
        let missing = |reason| Error::Missing(format!("the newest spans: {reason}"));
        let page = texts(&found.accepted_or(missing)?, "trace");
        let last = page.len() < PAGE;
        let mut seen = BTreeSet::new();
        traces.extend(page.into_iter().filter(|trace| seen.insert(trace.clone())));
        if last || traces.len() >= most {
            traces.truncate(most);
            return Ok(traces);
        }
    }
}

/// All spans of the traces, the earliest first. If there are too many, the latest are left out: a
/// parent begins before its children.
async fn all_spans(
    lookup: &mut Lookup<'_>,
    table: &Table,
    traces: &[String],
) -> Result<Vec<Row>, Error> {
    let columns = &lookup.spec.tables.spans;
    let what = format!("{} by {}", columns.table, columns.trace);
    let mut conditions = Conditions::default();
    conditions.is_any(table, &columns.trace, traces);
    let (clause, parameters) = (conditions.clause(), conditions.parameters());
    // `offset 0` keeps the order out of the choice of the index.
    let sql = format!(
        "select to_jsonb(r) from (select * from {} {clause} offset 0) r order by r.{} limit {ROW_LIMIT}",
        table.name,
        identifier::name(&columns.started)
    );
    let spans = lookup.session.look_up(&what, &sql, &parameters).await?;
    let spans = spans.accepted_or(|reason| Error::Missing(format!("{what}: {reason}")))?;
    if spans.len() == ROW_LIMIT {
        let sql = format!("select to_jsonb(count(*)) from {} {clause}", table.name);
        let count = lookup.session.values(&what, &sql, &parameters).await?.accepted_or_default();
        match count.first().and_then(serde_json::Value::as_u64) {
            Some(all) if all == ROW_LIMIT as u64 => {}
            Some(all) => {
                let more = all.saturating_sub(ROW_LIMIT as u64);
                lookup.unread.push(format!("{what}: {more} of {all} spans, the latest"));
            }
            None => {
                lookup.unread.push(format!("{what}: only the first {ROW_LIMIT} spans were read"));
            }
        }
    }
    Ok(spans)
}

/// The error for a query that no span matches, which names the newest trace.
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
        TraceQuery::Newest(_) => " at this time".into(),
    };
    let newest = newest_traces(lookup, table, Window::default(), 1).await?;
    let hint = match newest.first() {
        Some(trace) => format!("the newest is of the trace {trace}"),
        None => format!("`{name}` is empty"),
    };
    Ok(Error::Missing(format!(
        "`{name}` has no span{what}; {hint}; `spanproof diagnose` says why spans are missing"
    )))
}
