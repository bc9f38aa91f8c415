//! Reads the rows of a trial's database.

use crate::identifier;
use serde_json::Value as Json;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::observation::{Rows, Table, TableRows};
use crate::spec::Tables;

/// Maximum number of rows of one table in one trial.
const MAX_ROWS: usize = 100_000;
/// Maximum size of the rows of one table as JSON, in bytes. In memory they are several times as large.
const MAX_BYTES: i64 = 32 * 1024 * 1024;
/// SQLSTATE of a statement that took longer than `statement_timeout`, which spanproof's sessions set.
const QUERY_CANCELED: &str = "57014";

/// A table has more rows than a trial may have, or can't be read in time.
#[derive(Debug, thiserror::Error)]
#[error("the table `{table}` {what}")]
pub(super) struct TooMuch {
    table: String,
    what: String,
}

/// Reads every row of a table. A missing table is evidence, not an error.
pub(super) async fn read_rows(connection: &mut PgConnection, table: &str) -> Rows {
    let rows = try_read_rows(connection, table).await;
    rows.unwrap_or_else(|error| Rows::Unreadable(error.to_string()))
}

/// Reads every row of a table, as [`read_rows`] does.
///
/// # Errors
/// If the table has more rows or bytes than a trial may have, or can't be read in time: a verdict based on only
/// some of the rows would be wrong.
async fn try_read_rows(connection: &mut PgConnection, table: &str) -> Result<Rows, TooMuch> {
    let too_much = |what: String| Err(TooMuch { table: table.to_owned(), what });
    let unreadable = |error: sqlx::Error| match error {
        sqlx::Error::Database(error) if error.code().as_deref() == Some(QUERY_CANCELED) => {
            too_much(format!("can't be read in time: {}", error.message()))
        }
        sqlx::Error::Database(error) => Ok(Rows::Unreadable(error.message().to_owned())),
        error => Ok(Rows::Unreadable(error.to_string())),
    };
    let name = identifier::table(table);
    // The rows of a table that exceeds a limit are read as null, so that they need little memory here. Trailing
    // spaces of `character(n)` have no meaning in Postgres, so they are removed. All columns have the names of
    // their tables, and `r.*` is the row: the table may have columns of any name.
    let sql = format!(
        "with spanproof_table as materialized
           (select array_agg(attname::text) as padded,
                   (select count(*) from (select from {name} limit {limit}) r) as count
            from pg_attribute
            where attrelid = to_regclass({table}) and atttypid = 'bpchar'::regtype and attnum > 0)
         select total, case when total <= {MAX_BYTES} and count < {limit} then json end
         from (select json, count, sum(octet_length(json::text)) over (rows unbounded preceding) as total
               from (select t.count, case when t.padded is null then to_jsonb(r.*) else to_jsonb(r.*) ||
                       (select jsonb_object_agg(c.name, rtrim(to_jsonb(r.*) ->> c.name, ' '))
                        from unnest(t.padded) as c (name))
                     end as json
                     from {name} r, spanproof_table t limit {limit}) r) r",
        table = identifier::literal(&name),
        limit = MAX_ROWS + 1
    );
    let rows: Result<Vec<(i64, Option<Json>)>, _> =
        sqlx::query_as(AssertSqlSafe(sql)).fetch_all(connection).await;
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => return unreadable(error),
    };
    if rows.len() > MAX_ROWS {
        return too_much(format!("has more than {MAX_ROWS} rows, the limit of a case"));
    }
    if let Some((bytes, None)) = rows.last() {
        return too_much(format!("has {bytes} bytes of rows; the limit of a case is {MAX_BYTES}"));
    }
    let columns = |(_, row)| match row {
        Some(Json::Object(columns)) => Some(columns),
        _ => None,
    };
    Ok(rows.into_iter().filter_map(columns).collect())
}

/// Reads the table of jobs; returns no rows if the spec has no such table.
pub(super) async fn read_jobs(connection: &mut PgConnection, tables: &Tables) -> Rows {
    if tables.jobs.table.is_empty() {
        return Rows::default();
    }
    let rows = read_rows(connection, &tables.jobs.table).await;
    rows.with_paths(&Table::Jobs.paths(tables))
}

/// Reads the tables of jobs, units and spans.
///
/// # Errors
/// If a table has more rows or bytes than a trial may have, or can't be read in time.
pub(super) async fn read_tables(
    connection: &mut PgConnection,
    tables: &Tables,
) -> Result<TableRows, TooMuch> {
    read_named(connection, tables, names(tables)).await
}

/// Reads the tables of jobs, units and spans. A table that does not exist counts as empty and is not
/// queried: the server would log the failed query, and its log is evidence about the service.
///
/// # Errors
/// If a table has more rows or bytes than a trial may have, or can't be read in time.
pub(super) async fn read_existing_tables(
    connection: &mut PgConnection,
    tables: &Tables,
) -> Result<TableRows, TooMuch> {
    let mut names = names(tables);
    for name in names.iter_mut().filter(|name| !name.is_empty()) {
        let exists = sqlx::query_scalar("select to_regclass($1) is not null");
        let exists: Result<bool, _> =
            exists.bind(identifier::table(name)).fetch_one(&mut *connection).await;
        if !exists.unwrap_or_default() {
            *name = "";
        }
    }
    read_named(connection, tables, names).await
}

/// Returns the names of the tables of jobs, units and spans.
fn names(tables: &Tables) -> [&str; 3] {
    [&tables.jobs.table, &tables.units.table, &tables.spans.table].map(String::as_str)
}

/// Reads the tables of jobs, units and spans with these names. If a name is empty, the result has no rows.
async fn read_named(
    connection: &mut PgConnection,
    tables: &Tables,
    names: [&str; 3],
) -> Result<TableRows, TooMuch> {
    let kinds = [Table::Jobs, Table::Units, Table::Spans];
    let mut all = Vec::new();
    for (name, kind) in names.into_iter().zip(kinds) {
        let rows = match name {
            "" => Rows::default(),
            name => try_read_rows(connection, name).await?,
        };
        all.push(rows.with_paths(&kind.paths(tables)));
    }
    let mut all = all.into_iter();
    let mut next = || all.next().unwrap_or_default();
    Ok(TableRows { jobs: next(), units: next(), spans: next() })
}

/// Reads the table of spans.
pub(super) async fn read_spans(connection: &mut PgConnection, tables: &Tables) -> Rows {
    let rows = read_rows(connection, &tables.spans.table).await;
    rows.with_paths(&Table::Spans.paths(tables))
}

/// Runs a query and checks that the first column of its first row is true.
///
/// # Errors
/// If the value is false or null, if there is no row, or if the query fails. The error describes the result.
pub(super) async fn expect_true(connection: &mut PgConnection, query: &str) -> Result<(), String> {
    let query = sqlx::query_scalar(AssertSqlSafe(query.to_owned()));
    let row: Option<Option<bool>> =
        query.fetch_optional(connection).await.map_err(|error| error.to_string())?;
    let is_true = row.flatten().unwrap_or_default();
    if is_true {
        Ok(())
    } else {
        Err("it returned no row, or a value other than `true`".to_owned())
    }
}
