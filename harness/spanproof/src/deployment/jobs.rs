//! Finds jobs in a database by id or name, or finds the newest jobs.

use super::catalog::Table;
use super::lookup::{Conditions, Lookup};
use super::reply::Reply;
use super::required_columns::row_security;
use super::selection::JobSelection;
use super::session::Error;
use crate::observation::{self, Row, Rows, text};
use crate::spec::JobTable;

/// Number of jobs that an error lists as examples.
const EXAMPLES: usize = 3;
/// Maximum number of jobs that are read by one id or name, to list them.
const MAX_MATCHES: usize = 10;

/// Reads the jobs that the selection names, or the newest jobs if it names no job.
pub(super) async fn jobs(lookup: &mut Lookup<'_>, selection: &JobSelection) -> Result<Rows, Error> {
    let columns = &lookup.spec.tables.jobs;
    let table = match Table::read(lookup.session, &columns.table).await? {
        Reply::Accepted(table) => table,
        Reply::Refused(reason) => return Ok(Rows::Unreadable(reason)),
    };
    if !table.has_column(&columns.id) {
        return Err(Error::NotFound(format!(
            "`{}` has no column `{}`, only {}; set `id` under `[tables.jobs]`",
            columns.table,
            columns.id,
            table.names().collect::<Vec<_>>().join(", ")
        )));
    }
    if selection.jobs.is_empty() {
        let rows = newest_jobs(lookup, &table, selection).await?;
        let is_hidden =
            table.has_row_security && matches!(&rows, Rows::Found(rows) if rows.is_empty());
        return Ok(if is_hidden { Rows::Unreadable(row_security(&columns.table)) } else { rows });
    }
    let mut rows = Vec::new();
    for name in &selection.jobs {
        rows.push(job(lookup, &table, name).await?);
    }
    Ok(Rows::from(rows))
}

/// Reads the job with this id or name. If `key` has the form `column=value` and names the column of ids or of
/// names, searches only this column.
pub(super) async fn job(lookup: &mut Lookup<'_>, table: &Table, key: &str) -> Result<Row, Error> {
    let columns = &lookup.spec.tables.jobs;
    let (only_column, value) = match key.split_once('=') {
        Some((column, value)) if column == columns.id || column == columns.name => {
            (Some(column), value)
        }
        _ => (None, key),
    };
    let mut found: Vec<Row> = Vec::new();
    for column in [&columns.id, &columns.name] {
        let is_searched =
            only_column.is_none_or(|only| only == column) && table.can_contain(column, value);
        let mut conditions = Conditions::default();
        if !is_searched || !conditions.require_any(table, column, &[value.to_owned()]) {
            continue;
        }
        let clause = conditions.clause();
        let row = table.row_as_json();
        let sql = format!("select {row} from {} r {clause} limit {MAX_MATCHES}", table.name);
        let what = format!("{} by {column}", columns.table);
        let jobs = observation::Table::Jobs;
        let rows = lookup.look_up(jobs, &what, &sql, &conditions.parameters()).await?;
        let rows = rows.accepted_or(|reason| Error::NotFound(format!("{what}: {reason}")))?;
        found.extend(rows.into_iter().filter(|row| !found.contains(row)).collect::<Vec<_>>());
    }
    if let ([_, _, ..], Some(first)) = (found.as_slice(), found.first()) {
        let all: Vec<_> = found.iter().map(|row| describe(columns, row)).collect();
        let example = format!("{}={}", columns.id, text(first, &columns.id).unwrap_or_default());
        let at_least = if found.len() < MAX_MATCHES { "" } else { "at least " };
        let message = format!("`{key}` matches {at_least}{} jobs: {}", found.len(), all.join(", "));
        return Err(Error::Ambiguous { message, example });
    }
    match found.pop() {
        Some(row) => Ok(row),
        None => Err(no_job(lookup, table, key).await?),
    }
}

/// Creates the error for a job that does not exist. The message lists the jobs with the largest ids.
async fn no_job(lookup: &mut Lookup<'_>, table: &Table, key: &str) -> Result<Error, Error> {
    let columns = &lookup.spec.tables.jobs;
    let sql = format!(
        "select {} from {} r order by {} limit {EXAMPLES}",
        table.row_as_json(),
        table.name,
        table.descending(&columns.id).unwrap_or_default()
    );
    let newest = lookup.look_up(observation::Table::Jobs, "the newest jobs", &sql, &[]).await?;
    let hint = if table.has_row_security {
        row_security(&columns.table)
    } else {
        newest_hint(columns, newest)
    };
    let has = if table.has_row_security { "shows" } else { "has" };
    Ok(Error::NotFound(format!("`{}` {has} no job `{key}`; {hint}", columns.table)))
}

/// Lists the newest jobs for a message, or says why there are none in it.
fn newest_hint(columns: &JobTable, newest: Reply<Vec<Row>>) -> String {
    match newest {
        Reply::Accepted(rows) if rows.is_empty() => format!("`{}` is empty", columns.table),
        Reply::Accepted(rows) => {
            let rows: Vec<_> = rows.iter().map(|row| describe(columns, row)).collect();
            format!("the jobs with the largest `{}` are {}", columns.id, rows.join(", "))
        }
        Reply::Refused(reason) => format!("the newest jobs: {reason}"),
    }
}

/// Describes a job, such as `id=469 (name bias-1)`.
fn describe(columns: &JobTable, row: &Row) -> String {
    let [id, name] = [&columns.id, &columns.name].map(|column| text(row, column));
    let name = name.map(|name| format!(" ({} {name})", columns.name)).unwrap_or_default();
    format!("{}={}{name}", columns.id, id.unwrap_or_default())
}

/// Reads the newest jobs in the window of the selection, oldest first. The newest jobs are those that were
/// created last or, if no job has a time of creation, those with the largest ids.
pub(super) async fn newest_jobs(
    lookup: &mut Lookup<'_>,
    table: &Table,
    selection: &JobSelection,
) -> Result<Rows, Error> {
    let columns = &lookup.spec.tables.jobs;
    let mut conditions = Conditions::default();
    if !conditions.require_within(table, &columns.created, selection.window) {
        return Err(Error::NotFound(format!(
            "`{}` has no column `{}`, which is needed to select jobs by time; set `created` under \
             `[tables.jobs]`",
            columns.table, columns.created
        )));
    }
    let what = format!("the newest {}", columns.table);
    let limit = selection.last.clamp(1, 1000);
    let by_id = table.descending(&columns.id).unwrap_or_default();
    if let Some(created) = table.value(&columns.created) {
        // In descending order, nulls come first: without this condition, jobs without a time would be the newest.
        let mut with_time = conditions.clone();
        with_time.add(format!("{created} is not null"));
        let order = format!("{created} desc, {by_id}");
        match newest(lookup, table, &with_time, &order, limit).await? {
            Reply::Accepted(rows) if !rows.is_empty() => return Ok(Rows::from(rows)),
            Reply::Accepted(_) => {}
            Reply::Refused(why) if table.has_numbers(&columns.id) => {
                lookup.unread.push(format!(
                    "{what} by {}: {why}; the jobs with the largest {} were read instead",
                    columns.created, columns.id
                ));
            }
            Reply::Refused(why) => return Ok(Rows::Unreadable(format!("{what}: {why}"))),
        }
    }
    let newest = newest(lookup, table, &conditions, &by_id, limit).await?;
    Ok(newest.into_rows())
}

/// Reads the first `limit` jobs in this order, and returns them in the opposite order.
async fn newest(
    lookup: &mut Lookup<'_>,
    table: &Table,
    conditions: &Conditions,
    order: &str,
    limit: usize,
) -> Result<Reply<Vec<Row>>, Error> {
    let sql = format!(
        "select {} from {} r {} order by {order} limit {limit}",
        table.row_as_json(),
        table.name,
        conditions.clause()
    );
    let what = format!("the newest {}", lookup.spec.tables.jobs.table);
    let jobs = observation::Table::Jobs;
    let newest = lookup.look_up(jobs, &what, &sql, &conditions.parameters()).await?;
    Ok(newest.map(|rows| rows.into_iter().rev().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_whose_newest_jobs_were_not_read_is_not_called_empty() {
        let spec = crate::spec::example(|text| text);
        let hint = |newest| newest_hint(&spec.tables.jobs, newest);
        assert_eq!(hint(Reply::Accepted(Vec::new())), "`jobs` is empty");
        let refused = Reply::Refused("no index supports this query".to_owned());
        assert_eq!(hint(refused), "the newest jobs: no index supports this query");
    }
}
