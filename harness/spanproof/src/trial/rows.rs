//! Reads the rows of a trial's database.

use crate::identifier;
use serde_json::Value as Json;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::observation::{Rows, Table, TableRows};
use crate::spec::Tables;

/// Reads every row of a table. A missing table is evidence, not an error.
pub(super) async fn read_rows(connection: &mut PgConnection, table: &str) -> Rows {
    let sql = format!("select to_jsonb(r) from {} r", identifier::table(table));
    let rows: Result<Vec<Json>, _> =
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(connection).await;
    match rows {
        Ok(rows) => {
            let columns = |row| match row {
                Json::Object(columns) => Some(columns),
                _ => None,
            };
            Rows::Found(rows.into_iter().filter_map(columns).collect())
        }
        Err(sqlx::Error::Database(error)) => Rows::Unreadable(error.message().to_owned()),
        Err(error) => Rows::Unreadable(error.to_string()),
    }
}

/// Reads the rows of jobs; empty if the spec has no table of jobs.
pub(super) async fn read_jobs(connection: &mut PgConnection, tables: &Tables) -> Rows {
    if tables.jobs.table.is_empty() {
        return Rows::Found(Vec::new());
    }
    let rows = read_rows(connection, &tables.jobs.table).await;
    rows.with_paths(&Table::Jobs.paths(tables))
}

/// Reads the three tables of a spec.
pub(super) async fn read_tables(connection: &mut PgConnection, tables: &Tables) -> TableRows {
    TableRows {
        jobs: read_jobs(connection, tables).await,
        units: read_units(connection, tables).await,
        spans: read_spans(connection, tables).await,
    }
}

/// Reads the rows of units.
pub(super) async fn read_units(connection: &mut PgConnection, tables: &Tables) -> Rows {
    let rows = read_rows(connection, &tables.units.table).await;
    rows.with_paths(&Table::Units.paths(tables))
}

/// Reads the rows of spans.
pub(super) async fn read_spans(connection: &mut PgConnection, tables: &Tables) -> Rows {
    let rows = read_rows(connection, &tables.spans.table).await;
    rows.with_paths(&Table::Spans.paths(tables))
}

/// Runs a query and checks that the first column of its first row is true.
///
/// # Errors
/// If it is not. The error describes the result.
pub(super) async fn expect_true(connection: &mut PgConnection, query: &str) -> Result<(), String> {
    let query = sqlx::query_scalar(AssertSqlSafe(query.to_owned()));
    let row: Option<Option<bool>> =
        query.fetch_optional(connection).await.map_err(|error| error.to_string())?;
    let is_true = row.flatten().unwrap_or_default();
    if is_true { Ok(()) } else { Err("no row, or not `true`".to_owned()) }
}
