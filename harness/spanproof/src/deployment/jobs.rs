//! Jobs, by their id or name, or the newest.

use super::catalog::Table;
use super::lookup::{Conditions, Lookup};
use super::reply::Reply;
use super::session::Error;
use super::subject::Subject;
use crate::identifier;
use crate::observation::{Row, Rows, text};
use crate::spec::JobTable;

/// Newest jobs that an error names as examples.
const EXAMPLES: usize = 3;

/// The jobs of the subject: those that it names, or else the newest.
pub(super) async fn jobs(lookup: &mut Lookup<'_>, subject: &Subject) -> Result<Rows, Error> {
    let columns = &lookup.spec.tables.jobs;
    let table = match Table::read(lookup.session, &columns.table).await? {
        Reply::Accepted(table) => table,
        Reply::Refused(reason) => return Ok(Rows::Unreadable(reason)),
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
        return newest_jobs(lookup, &table, subject).await;
    }
    let mut rows = Vec::new();
    for name in &subject.jobs {
        rows.push(job(lookup, &table, name).await?);
    }
    Ok(Rows::Found(rows))
}

/// The one job with that id or name; `column=value` names one of the two columns.
pub(super) async fn job(lookup: &mut Lookup<'_>, table: &Table, asked: &str) -> Result<Row, Error> {
    let columns = &lookup.spec.tables.jobs;
    let (only, value) = match asked.split_once('=') {
        Some((column, value)) if column == columns.id || column == columns.name => {
            (Some(column), value)
        }
        _ => (None, asked),
    };
    let mut found: Vec<Row> = Vec::new();
    for column in [&columns.id, &columns.name] {
        let meant = only.is_none_or(|only| only == column) && table.may_hold(column, value);
        let mut conditions = Conditions::default();
        if !meant || !conditions.is_any(table, column, &[value.to_owned()]) {
            continue;
        }
        let clause = conditions.clause();
        let sql = format!("select to_jsonb(r) from {} r {clause} limit 10", table.name);
        let what = format!("{} by {column}", columns.table);
        let rows = lookup.session.look_up(&what, &sql, &conditions.parameters()).await?;
        let rows = rows.accepted_or(|reason| Error::Missing(format!("{what}: {reason}")))?;
        found.extend(rows.into_iter().filter(|row| !found.contains(row)).collect::<Vec<_>>());
    }
    if let ([_, _, ..], Some(first)) = (found.as_slice(), found.first()) {
        let all: Vec<_> = found.iter().map(|row| describe(columns, row)).collect();
        let example = format!("{}={}", columns.id, text(first, &columns.id).unwrap_or_default());
        let message = format!("`{asked}` means {} jobs: {}", found.len(), all.join(", "));
        return Err(Error::Ambiguous { message, example });
    }
    match found.pop() {
        Some(row) => Ok(row),
        None => Err(no_job(lookup, table, asked).await?),
    }
}

/// The error for a job that does not exist, which names the newest ones.
async fn no_job(lookup: &mut Lookup<'_>, table: &Table, asked: &str) -> Result<Error, Error> {
    let columns = &lookup.spec.tables.jobs;
    let sql = format!(
        "select to_jsonb(r) from {} r order by {} desc limit {EXAMPLES}",
        table.name,
        identifier::name(&columns.id)
    );
    let newest = lookup.session.look_up("the newest jobs", &sql, &[]).await?;
    let newest = newest.accepted_or_default();
    let newest: Vec<_> = newest.iter().map(|row| describe(columns, row)).collect();
    let hint = if newest.is_empty() {
        format!("`{}` has no rows at all", columns.table)
    } else {
        format!("the newest are {}", newest.join(", "))
    };
    Ok(Error::Missing(format!("no job is `{asked}` in `{}`; {hint}", columns.table)))
}

/// `id=469 (name bias-1)`.
fn describe(columns: &JobTable, row: &Row) -> String {
    let [id, name] = [&columns.id, &columns.name].map(|column| text(row, column));
    let name = name.map(|name| format!(" ({} {name})", columns.name)).unwrap_or_default();
    format!("{}={}{name}", columns.id, id.unwrap_or_default())
}

/// The newest jobs of the subject's window, the newest last.
pub(super) async fn newest_jobs(
    lookup: &mut Lookup<'_>,
    table: &Table,
    subject: &Subject,
) -> Result<Rows, Error> {
    let columns = &lookup.spec.tables.jobs;
    let mut conditions = Conditions::default();
    if !conditions.is_within(table, &columns.created, subject.window) {
        return Err(Error::Missing(format!(
            "`{}` has no column `{}`, so no window of time can be asked for; name it as `created` \
             under `[tables.jobs]`",
            columns.table, columns.created
        )));
    }
    let sql = format!(
        "select to_jsonb(r) from {} r {} order by {} desc limit {}",
        table.name,
        conditions.clause(),
        identifier::name(&columns.id),
        subject.last.clamp(1, 1000)
    );
    let what = format!("the newest {}", columns.table);
    let newest = lookup.session.look_up(&what, &sql, &conditions.parameters()).await?;
    Ok(newest.map(|rows| rows.into_iter().rev().collect()).into_rows())
}
