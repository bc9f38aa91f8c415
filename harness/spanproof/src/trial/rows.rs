//! Reads the rows of a trial's database.

use crate::identifier;
use serde_json::Value as Json;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::observation::{Rows, TableRows};

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

/// Reads the three tables of a spec.
pub(super) async fn read_tables(
    connection: &mut PgConnection,
    tables: &crate::spec::Tables,
) -> TableRows {
    TableRows {
        jobs: read_rows(connection, &tables.jobs.table).await,
        units: read_rows(connection, &tables.units.table).await,
        spans: read_rows(connection, &tables.spans.table).await,
    }
}
