//! Traces of a system that is already there, found by what somebody knows of them.

use super::answer::{Answer, answers};
use super::catalog::{Table, quoted_column};
use super::lookup::{by, job, job_column, texts};
use super::{Error, Session, Window};
use crate::evidence::Row;
use crate::spec::Spec;

/// So many of the newest spans are looked through for the newest traces.
const NEWEST: usize = 2_000;
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
    /// Every span of the traces.
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
    let table = table.map_err(|why| Error::Missing(format!("`{}`: {why}", columns.table)))?;
    for column in [&columns.trace, &columns.id] {
        if !table.has(column) {
            let all = table.names().collect::<Vec<_>>().join(", ");
            return Err(Error::Missing(format!(
                "`{}` has no column `{column}`: it has {all}; name it under `[tables.spans]`",
                columns.table
            )));
        }
    }
    let mut unread = Vec::new();
    let meant = meant(session, spec, sought, (&table, window), &mut unread).await?;
    let mut traces = texts(&meant, &columns.trace);
    let mut seen = std::collections::BTreeSet::new();
    traces.retain(|trace| seen.insert(trace.clone()));
    if let Sought::Newest(most) = sought {
        traces.truncate(*most);
    }
    if traces.is_empty() {
        return Err(nothing(session, spec, sought, &table).await?);
    }
    let ways = [(columns.trace.as_str(), traces.as_slice())];
    let all = by(session, &columns.table, &ways, &mut unread).await?;
    let spans = all.map_err(Error::Missing)?.all().to_vec();
    let answers = answers(session, spec, &spans, &mut unread).await?;
    Ok(Looked { spans, answers, unread })
}

/// The spans that are meant, the newest first where nothing but time is known.
async fn meant(
    session: &mut Session,
    spec: &Spec,
    sought: &Sought,
    (table, window): (&Table, Window),
    unread: &mut Vec<String>,
) -> Result<Vec<Row>, Error> {
    let (columns, units) = (&spec.tables.spans, &spec.tables.units);
    let name = columns.table.as_str();
    let found = match sought {
        Sought::Newest(_) => return newest(session, spec, table, window).await,
        Sought::Trace(id) => {
            if !table.may_hold(&columns.trace, id) {
                return Err(Error::Missing(format!(
                    "`{id}` can't be a trace id: `{}` is of another type",
                    columns.trace
                )));
            }
            by(session, name, &[(columns.trace.as_str(), std::slice::from_ref(id))], unread).await?
        }
        Sought::Unit(id) => {
            by(session, name, &[(columns.unit.as_str(), std::slice::from_ref(id))], unread).await?
        }
        Sought::Job(asked) => {
            let jobs = Table::read(session, &spec.tables.jobs.table).await?;
            let jobs =
                jobs.map_err(|why| Error::Missing(format!("`{}`: {why}", spec.tables.jobs.table)))?;
            let row = job(session, spec, &jobs, asked).await?;
            let ids = texts(&[row], &spec.tables.jobs.id);
            let own =
                by(session, &units.table, &[(units.job.as_str(), ids.as_slice())], unread).await?;
            let own = own.map(|rows| texts(rows.all(), &units.id)).unwrap_or_default();
            let ways =
                [(columns.unit.as_str(), own.as_slice()), (job_column(spec), ids.as_slice())];
            by(session, name, &ways, unread).await?
        }
    };
    Ok(found.map_err(Error::Missing)?.all().to_vec())
}

async fn newest(
    session: &mut Session,
    spec: &Spec,
    table: &Table,
    window: Window,
) -> Result<Vec<Row>, Error> {
    let columns = &spec.tables.spans;
    let mut conditions = Vec::new();
    let mut parameters: Vec<[String; 1]> = Vec::new();
    for (comparison, limit) in [(">=", window.since), ("<", window.until)] {
        let Some(limit) = limit else { continue };
        conditions.extend(table.compares(&columns.started, comparison, parameters.len() + 1));
        parameters.push([limit.to_rfc3339()]);
    }
    let wanted = if conditions.is_empty() {
        String::new()
    } else {
        format!("where {}", conditions.join(" and "))
    };
    let sql = format!(
        "select to_jsonb(r) from {} r {wanted} order by {} desc limit {NEWEST}",
        table.name,
        quoted_column(&columns.started)
    );
    let parameters: Vec<&[String]> = parameters.iter().map(<[String; 1]>::as_slice).collect();
    let found = session.look_up("the newest spans", &sql, &parameters).await?;
    found.map_err(|why| Error::Missing(format!("the newest spans: {why}")))
}

/// That there is nothing, and what there is.
async fn nothing(
    session: &mut Session,
    spec: &Spec,
    sought: &Sought,
    table: &Table,
) -> Result<Error, Error> {
    let name = &spec.tables.spans.table;
    let what = match sought {
        Sought::Job(job) => format!("of the job `{job}`"),
        Sought::Unit(unit) => format!("of the execution `{unit}`"),
        Sought::Trace(trace) => format!("of the trace `{trace}`"),
        Sought::Newest(_) => "at this time".into(),
    };
    let newest = newest(session, spec, table, Window::default()).await?;
    let hint =
        match newest.first().and_then(|row| super::lookup::text(row, &spec.tables.spans.trace)) {
            Some(trace) => format!("the newest is of the trace {trace}"),
            None => format!("`{name}` is empty"),
        };
    Ok(Error::Missing(format!(
        "`{name}` has no span {what}; {hint}; `spanproof diagnose` says why spans are missing"
    )))
}
