//! Finding jobs with their units and spans in a database, by its indexes.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::around::{at_work, neighbours, unlinked};
use super::catalog::{Table, quoted_column};
use super::{Error, Session, Sink, Subject};
use crate::evidence::{Neighbour, Row, Rows, text};
use crate::spec::Spec;

/// More units or spans than this are not read.
pub(super) const MOST: usize = 10_000;

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) jobs: Rows,
    pub(super) units: Rows,
    pub(super) spans: Rows,
    pub(super) elsewhere: Vec<(String, u64)>,
    pub(super) neighbours: Vec<Neighbour>,
    pub(super) unread: Vec<String>,
}

/// Finds the jobs that are asked for, and what belongs to them.
pub(super) async fn find(
    session: &mut Session,
    spec: &Spec,
    subject: &Subject,
    sink: &mut dyn Sink,
) -> Result<Found, Error> {
    let tables = &spec.tables;
    let mut unread = Vec::new();
    let jobs = jobs(session, spec, subject).await?;
    sink.rows(0, &jobs);
    let ids = texts(jobs.all(), &tables.jobs.id);
    let units = by(session, &tables.units.table, &[(&tables.units.job, &ids)], &mut unread).await?;
    let units = units.unwrap_or_else(Rows::Unreadable);
    sink.rows(1, &units);
    let spans = spans(session, spec, (&ids, &units), &mut unread).await?;
    sink.rows(2, &spans);
    let elsewhere = match &spans {
        Rows::Found(found) if found.len() >= units.all().len() => Vec::new(),
        _ => elsewhere(session, spec, &units, &mut unread).await?,
    };
    let neighbours = match &spans {
        Rows::Found(found) if found.len() < units.all().len() => {
            neighbours(session, spec, &units, &mut unread).await?
        }
        _ => Vec::new(),
    };
    Ok(Found { jobs, units, spans, elsewhere, neighbours, unread })
}

/// The jobs: those that are named, or else the newest.
async fn jobs(session: &mut Session, spec: &Spec, subject: &Subject) -> Result<Rows, Error> {
    let columns = &spec.tables.jobs;
    let table = match Table::read(session, &columns.table).await? {
        Ok(table) => table,
        Err(reason) => return Ok(Rows::Unreadable(reason)),
    };
    if !table.has(&columns.id) {
        return Err(Error::Missing(format!(
            "`{}` has no column `{}`: it has {}; name the job's id under `[tables.jobs]`",
            columns.table,
            columns.id,
            table.names().collect::<Vec<_>>().join(", ")
        )));
    }
    if subject.jobs.is_empty() {
        return newest(session, spec, &table, subject).await;
    }
    let mut rows = Vec::new();
    for name in &subject.jobs {
        rows.push(job(session, spec, &table, name).await?);
    }
    Ok(Rows::Found(rows))
}

/// The one job of that id or name; `column=value` says which of both.
pub(super) async fn job(
    session: &mut Session,
    spec: &Spec,
    table: &Table,
    asked: &str,
) -> Result<Row, Error> {
    let columns = &spec.tables.jobs;
    let (only, value) = match asked.split_once('=') {
        Some((column, value)) if column == columns.id || column == columns.name => {
            (Some(column), value)
        }
        _ => (None, asked),
    };
    let mut found: Vec<Row> = Vec::new();
    for column in [&columns.id, &columns.name] {
        let meant = only.is_none_or(|only| only == column);
        let Some(is) = table.is_any(column, 1).filter(|_| meant && table.may_hold(column, value))
        else {
            continue;
        };
        let sql = format!("select to_jsonb(r) from {} r where {is} limit 10", table.name);
        let what = format!("{} by {column}", columns.table);
        let rows = session.look_up(&what, &sql, &[&[value.to_owned()]]).await?;
        let rows = rows.map_err(|reason| Error::Missing(format!("{what}: {reason}")))?;
        found.extend(rows.into_iter().filter(|row| !found.contains(row)).collect::<Vec<_>>());
    }
    let shown = |row: &Row| {
        let [id, name] = [&columns.id, &columns.name].map(|column| text(row, column));
        let name = name.map(|name| format!(" ({} {name})", columns.name)).unwrap_or_default();
        format!("{}={}{name}", columns.id, id.unwrap_or_default())
    };
    if let ([_, _, ..], Some(first)) = (found.as_slice(), found.first()) {
        let all: Vec<_> = found.iter().map(shown).collect();
        let example = format!("{}={}", columns.id, text(first, &columns.id).unwrap_or_default());
        return Err(Error::Missing(format!(
            "`{asked}` means {} jobs: {}; name one, for instance by `--job {example}`",
            found.len(),
            all.join(", ")
        )));
    }
    if let Some(row) = found.pop() {
        return Ok(row);
    }
    let sql = format!(
        "select to_jsonb(r) from {} r order by {} desc limit 3",
        table.name,
        quoted_column(&columns.id)
    );
    let newest = session.look_up("the newest jobs", &sql, &[]).await?.unwrap_or_default();
    let newest: Vec<_> = newest.iter().map(shown).collect();
    let hint = if newest.is_empty() {
        format!("`{}` has no rows at all", columns.table)
    } else {
        format!("the newest are {}", newest.join(", "))
    };
    Err(Error::Missing(format!("no job is `{asked}` in `{}`; {hint}", columns.table)))
}

/// The newest jobs of the window.
pub(super) async fn newest(
    session: &mut Session,
    spec: &Spec,
    table: &Table,
    subject: &Subject,
) -> Result<Rows, Error> {
    let columns = &spec.tables.jobs;
    let mut conditions = Vec::new();
    let mut parameters: Vec<[String; 1]> = Vec::new();
    for (comparison, limit) in [(">=", subject.window.since), ("<", subject.window.until)] {
        let Some(limit) = limit else { continue };
        let Some(condition) = table.compares(&columns.created, comparison, parameters.len() + 1)
        else {
            return Err(Error::Missing(format!(
                "`{}` has no column `{}`, so no window of time can be asked for; name it as `created` \
                 under `[tables.jobs]`",
                columns.table, columns.created
            )));
        };
        conditions.push(condition);
        parameters.push([limit.to_rfc3339()]);
    }
    let wanted = if conditions.is_empty() {
        String::new()
    } else {
        format!("where {}", conditions.join(" and "))
    };
    let sql = format!(
        "select to_jsonb(r) from {} r {wanted} order by {} desc limit {}",
        table.name,
        quoted_column(&columns.id),
        subject.last.clamp(1, 1000)
    );
    let parameters: Vec<&[String]> = parameters.iter().map(<[String; 1]>::as_slice).collect();
    let what = format!("the newest {}", columns.table);
    match session.look_up(&what, &sql, &parameters).await? {
        Ok(mut rows) => {
            rows.reverse();
            Ok(Rows::Found(rows))
        }
        Err(reason) => Ok(Rows::Unreadable(reason)),
    }
}

/// The rows of a table in which one of several columns has one of several values. Columns that the
/// table has not got are passed over, and so are those that no index serves.
pub(super) async fn by(
    session: &mut Session,
    name: &str,
    ways: &[(&str, &[String])],
    unread: &mut Vec<String>,
) -> Result<Result<Rows, String>, Error> {
    let table = match Table::read(session, name).await? {
        Ok(table) => table,
        Err(reason) => return Ok(Err(reason)),
    };
    let mut rows: Vec<Row> = Vec::new();
    let mut known = BTreeSet::new();
    let mut asked = false;
    for (column, values) in ways {
        let Some(is) = table.is_any(column, 1) else {
            if !column.is_empty() {
                unread.push(format!("{name} by {column}: there is no such column"));
            }
            continue;
        };
        let values: Vec<_> =
            values.iter().filter(|value| table.may_hold(column, value)).cloned().collect();
        let what = format!("{name} by {column}");
        let sql = format!("select to_jsonb(r) from {} r where {is} limit {MOST}", table.name);
        match session.look_up(&what, &sql, &[&values]).await? {
            Ok(found) => {
                asked = true;
                if found.len() == MOST {
                    unread.push(format!("{what}: only the first {MOST} rows were read"));
                }
                let new = found
                    .into_iter()
                    .filter(|row| known.insert(Json::from(row.clone()).to_string()));
                rows.extend(new);
            }
            Err(reason) => unread.push(format!("{what}: {reason}")),
        }
    }
    if asked {
        Ok(Ok(Rows::Found(rows)))
    } else {
        Ok(Err(unread.last().cloned().unwrap_or_default()))
    }
}

/// The spans of the units: by unit, by job, and where these are too few, those without a unit that
/// began while the units were at work.
async fn spans(
    session: &mut Session,
    spec: &Spec,
    (jobs, units): (&[String], &Rows),
    unread: &mut Vec<String>,
) -> Result<Rows, Error> {
    let table = &spec.tables.spans;
    let ids = texts(units.all(), &spec.tables.units.id);
    let ways = [(table.unit.as_str(), ids.as_slice()), (spec.tables.span_job(), jobs)];
    let found = match by(session, &table.table, &ways, unread).await? {
        Ok(found) => found,
        Err(reason) => Rows::Unreadable(reason),
    };
    if units.all().is_empty() || found.all().len() >= units.all().len() {
        return Ok(found);
    }
    let Some((from, to)) = at_work(spec, units.all()) else { return Ok(found) };
    match unlinked(session, table, spec, (from, to)).await? {
        Ok(more) => {
            let mut rows = found.all().to_vec();
            let new = more.into_iter().filter(|row| !rows.contains(row));
            let new: Vec<_> = new.collect();
            rows.extend(new);
            Ok(Rows::Found(rows))
        }
        Err(reason) => {
            unread.push(format!("{} by {}: {reason}", table.table, table.started));
            Ok(found)
        }
    }
}

/// Tables of the same name in other schemas that have spans of these units.
async fn elsewhere(
    session: &mut Session,
    spec: &Spec,
    units: &Rows,
    unread: &mut Vec<String>,
) -> Result<Vec<(String, u64)>, Error> {
    let columns = &spec.tables.spans;
    let name = columns.table.rsplit('.').next().unwrap_or(&columns.table);
    let sql = "select jsonb_build_object('name', format('%s.%s', n.nspname, c.relname))
               from pg_class c join pg_namespace n on n.oid = c.relnamespace
               where c.relname = ($1::text[])[1] and c.relkind in ('r', 'p')
                 and c.oid is distinct from to_regclass(($2::text[])[1])
               order by 1 limit 20";
    let own = crate::evidence::quoted(&columns.table);
    let found =
        session.rows("other tables of that name", sql, &[&[name.to_owned()], &[own]]).await?;
    let ids = texts(units.all(), &spec.tables.units.id);
    let mut all = Vec::new();
    for row in found.unwrap_or_default() {
        let Some(other) = row.get("name").and_then(Json::as_str) else { continue };
        let ways = [(columns.unit.as_str(), ids.as_slice())];
        if let Ok(rows) = by(session, other, &ways, unread).await?
            && !rows.all().is_empty()
        {
            all.push((other.to_owned(), rows.all().len() as u64));
        }
    }
    Ok(all)
}

pub(super) fn texts(rows: &[Row], column: &str) -> Vec<String> {
    rows.iter().filter_map(|row| text(row, column)).collect()
}
