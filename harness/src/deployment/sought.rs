//! Traces of a system that is already there, found by what somebody knows of them.

use std::collections::BTreeSet;

use super::answer::{Answer, answers};
use super::catalog::{Table, quoted_column};
use super::lookup::{MOST, by, job, texts};
use super::{Error, Session, Window};
use crate::evidence::Row;
use crate::spec::Spec;

/// So many of the newest spans are looked through at once for the newest traces.
const PAGE: usize = 2_000;
/// What is known of the traces that are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sought {
    /// The job, by its id or name.
    Job(String),
    /// The unit, by its id.
    Unit(String),
    /// The trace's own id.
    Trace(String),
    /// Nothing but when it was: so many of the newest.
    Newest(usize),
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// The column of spans that names the job; empty where there is none.
    pub job: String,
    /// Every span of the traces, the earliest first.
    pub spans: Vec<Row>,
    /// What the database's own functions say.
    pub answers: Vec<Answer>,
    /// What could not be looked at.
    pub unread: Vec<String>,
}

/// Finds traces: the spans that are meant, and all others of the same traces.
///
/// # Errors
/// When there are none, or the table can't be read.
pub async fn look(
    session: &mut Session,
    spec: &Spec,
    sought: &Sought,
    window: Window,
) -> Result<Looked, Error> {
    let columns = &spec.tables.spans;
    let table = Table::read(session, &columns.table).await?;
    let table = table.map_err(|why| unreadable("spans", &columns.table, &why))?;
    for (key, column) in
        [("trace", &columns.trace), ("id", &columns.id), ("started", &columns.started)]
    {
        has(&table, spec, key, column)?;
    }
    let mut unread = Vec::new();
    let traces = meant(session, spec, sought, (&table, window), &mut unread).await?;
    if traces.is_empty() {
        return Err(nothing(session, spec, sought, (&table, window)).await?);
    }
    let spans = whole(session, spec, &table, &traces, &mut unread).await?;
    let answers = answers(session, spec, &spans, &mut unread).await?;
    Ok(Looked { job: spec.tables.span_job().to_owned(), spans, answers, unread })
}

fn unreadable(key: &str, table: &str, why: &str) -> Error {
    Error::Missing(format!("`{table}` (`table` under `[tables.{key}]`): {why}"))
}

/// Refuses a table without a column that is needed.
fn has(table: &Table, spec: &Spec, key: &str, column: &str) -> Result<(), Error> {
    if table.has(column) {
        return Ok(());
    }
    let all = table.names().collect::<Vec<_>>().join(", ");
    let name = &spec.tables.spans.table;
    Err(Error::Missing(format!(
        "`{name}` has no column `{column}`: it has {all}; name it as `{key}` under `[tables.spans]`"
    )))
}

/// The ids of the traces that are meant.
async fn meant(
    session: &mut Session,
    spec: &Spec,
    sought: &Sought,
    (table, window): (&Table, Window),
    unread: &mut Vec<String>,
) -> Result<Vec<String>, Error> {
    let (columns, units) = (&spec.tables.spans, &spec.tables.units);
    let name = columns.table.as_str();
    let found = match sought {
        Sought::Newest(most) => return newest(session, spec, table, window, *most).await,
        Sought::Trace(id) => {
            possible(table, spec, "a trace", (&columns.trace, id))?;
            by(session, name, &[(columns.trace.as_str(), std::slice::from_ref(id))], unread).await?
        }
        Sought::Unit(id) => {
            has(table, spec, "unit", &columns.unit)?;
            possible(table, spec, "an execution", (&columns.unit, id))?;
            by(session, name, &[(columns.unit.as_str(), std::slice::from_ref(id))], unread).await?
        }
        Sought::Job(asked) => {
            let jobs = Table::read(session, &spec.tables.jobs.table).await?;
            let jobs = jobs.map_err(|why| unreadable("jobs", &spec.tables.jobs.table, &why))?;
            let row = job(session, spec, &jobs, asked).await?;
            let ids = texts(&[row], &spec.tables.jobs.id);
            let own =
                by(session, &units.table, &[(units.job.as_str(), ids.as_slice())], unread).await?;
            let own = own.map(|rows| texts(rows.all(), &units.id)).unwrap_or_default();
            let ways =
                [(columns.unit.as_str(), own.as_slice()), (spec.tables.span_job(), ids.as_slice())];
            by(session, name, &ways, unread).await?
        }
    };
    let mut seen = BTreeSet::new();
    let mut traces = texts(found.map_err(Error::Missing)?.all(), &columns.trace);
    traces.retain(|trace| seen.insert(trace.clone()));
    Ok(traces)
}

/// Refuses an id that no row can have.
fn possible(
    table: &Table,
    spec: &Spec,
    what: &str,
    (column, id): (&str, &str),
) -> Result<(), Error> {
    if table.may_hold(column, id) {
        return Ok(());
    }
    let (name, kind) = (&spec.tables.spans.table, table.kind(column).unwrap_or_default());
    Err(Error::Asked(format!("`{id}` can't be {what}: `{column}` of `{name}` is {kind}")))
}

/// The traces with the newest spans. A trace may have more spans than are looked through at once:
/// those that are known already are passed over then.
async fn newest(
    session: &mut Session,
    spec: &Spec,
    table: &Table,
    window: Window,
    most: usize,
) -> Result<Vec<String>, Error> {
    let columns = &spec.tables.spans;
    let trace = quoted_column(&columns.trace);
    let mut conditions = vec![format!("{trace} is not null")];
    conditions.extend(table.is_any(&columns.trace, 1).map(|known| format!("not {known}")));
    let mut limits: Vec<[String; 1]> = Vec::new();
    for (comparison, limit) in [(">=", window.since), ("<", window.until)] {
        let Some(limit) = limit else { continue };
        conditions.extend(table.compares(&columns.started, comparison, limits.len() + 2));
        limits.push([limit.to_rfc3339()]);
    }
    let sql = format!(
        "select jsonb_build_object('trace', {trace}) from {} where {} order by {} desc limit {PAGE}",
        table.name,
        conditions.join(" and "),
        quoted_column(&columns.started)
    );
    let mut traces: Vec<String> = Vec::new();
    loop {
        let mut parameters = vec![traces.as_slice()];
        parameters.extend(limits.iter().map(<[String; 1]>::as_slice));
        let found = session.look_up("the newest spans", &sql, &parameters).await?;
        let page = texts(
            &found.map_err(|why| Error::Missing(format!("the newest spans: {why}")))?,
            "trace",
        );
        let last = page.len() < PAGE;
        let mut seen = BTreeSet::new();
        traces.extend(page.into_iter().filter(|trace| seen.insert(trace.clone())));
        if last || traces.len() >= most {
            traces.truncate(most);
            return Ok(traces);
        }
    }
}

/// All spans of the traces, the earliest first. Where they are too many, the latest are missing: a
/// parent begins before its children.
async fn whole(
    session: &mut Session,
    spec: &Spec,
    table: &Table,
    traces: &[String],
    unread: &mut Vec<String>,
) -> Result<Vec<Row>, Error> {
    let columns = &spec.tables.spans;
    let what = format!("{} by {}", columns.table, columns.trace);
    let wanted = table.is_any(&columns.trace, 1).unwrap_or_default();
    // `offset 0` keeps the order out of the choice of the index.
    let sql = format!(
        "select to_jsonb(r) from (select * from {} where {wanted} offset 0) r order by r.{} limit {MOST}",
        table.name,
        quoted_column(&columns.started)
    );
    let spans = session.look_up(&what, &sql, &[traces]).await?;
    let spans = spans.map_err(|why| Error::Missing(format!("{what}: {why}")))?;
    if spans.len() == MOST {
        let sql = format!("select to_jsonb(count(*)) from {} where {wanted}", table.name);
        let count = session.values(&what, &sql, &[traces]).await?.unwrap_or_default();
        match count.first().and_then(serde_json::Value::as_u64) {
            Some(all) if all == MOST as u64 => {}
            Some(all) => {
                let more = all.saturating_sub(MOST as u64);
                unread.push(format!("{what}: {more} of {all} spans, the latest"));
            }
            None => unread.push(format!("{what}: only the first {MOST} spans were read")),
        }
    }
    Ok(spans)
}

/// That there is nothing, and what there is.
async fn nothing(
    session: &mut Session,
    spec: &Spec,
    sought: &Sought,
    (table, window): (&Table, Window),
) -> Result<Error, Error> {
    let name = &spec.tables.spans.table;
    let what = match sought {
        Sought::Job(job) => format!(" of the job `{job}`"),
        Sought::Unit(unit) => format!(" of the execution `{unit}`"),
        Sought::Trace(trace) => format!(" of the trace `{trace}`"),
        Sought::Newest(_) if window == Window::default() => String::new(),
        Sought::Newest(_) => " at this time".into(),
    };
    let newest = newest(session, spec, table, Window::default(), 1).await?;
    let hint = match newest.first() {
        Some(trace) => format!("the newest is of the trace {trace}"),
        None => format!("`{name}` is empty"),
    };
    Ok(Error::Missing(format!(
        "`{name}` has no span{what}; {hint}; `spanproof diagnose` says why spans are missing"
    )))
}
