//! Rows of a table, whole and as they are, so that no column is lost before it is judged.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::PgConnection;

use crate::timestamp::timestamp;

/// One row: its columns by name, as `to_jsonb` gives them (times in UTC, ISO 8601).
pub type Row = Map<String, Value>;

/// The rows of one table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rows {
    /// All of them.
    Found(Vec<Row>),
    /// The table can't be read, and why.
    Unreadable(String),
}

impl Rows {
    /// The rows; none where the table can't be read.
    pub fn all(&self) -> &[Row] {
        match self {
            Self::Found(rows) => rows,
            Self::Unreadable(_) => &[],
        }
    }
}

/// A column as text; nothing where it is null or missing.
pub(crate) fn text(row: &Row, column: &str) -> Option<String> {
    match row.get(column)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A column as a time; without a zone it is UTC, as our sessions are. `None` if the column is
/// missing, null or anything but a time.
pub(crate) fn time(row: &Row, column: &str) -> Option<DateTime<Utc>> {
    timestamp(row.get(column)?.as_str()?)
}

/// Reads a whole table. That it is missing is evidence, not an error.
pub async fn read_rows(connection: &mut PgConnection, table: &str) -> Rows {
    let sql = format!("select to_jsonb(r) from {} r", quoted(table));
    let rows: Result<Vec<Value>, _> =
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(connection).await;
    match rows {
        Ok(rows) => Rows::Found(
            rows.into_iter()
                .filter_map(|row| match row {
                    Value::Object(columns) => Some(columns),
                    _ => None,
                })
                .collect(),
        ),
        Err(sqlx::Error::Database(error)) => Rows::Unreadable(error.message().to_owned()),
        Err(error) => Rows::Unreadable(error.to_string()),
    }
}

/// A table's name, with or without its schema, as an SQL identifier.
pub(crate) fn quoted(table: &str) -> String {
    let parts: Vec<_> =
        table.split('.').map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect();
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_only_begins_with_a_time_is_no_time() {
        let row = |value: &str| Row::from_iter([("at".to_owned(), Value::from(value))]);
        let at = time(&row("2025-10-22T12:00:00.5+00:00"), "at").unwrap();
        assert_eq!(at.to_rfc3339(), "2025-10-22T12:00:00.500+00:00");
        for text in [
            "2025-10-22T12:00:00Z app",
            "runner-1  | 2025-10-22T12:00:00Z started",
            r#"{"time": "2025-10-22T12:00:00Z", "msg": "started"}"#,
            "0044-03-15T12:00:00 BC",
            "infinity",
        ] {
            assert_eq!(time(&row(text), "at"), None, "{text}");
        }
    }

    #[test]
    fn a_tables_name_can_not_carry_sql() {
        assert_eq!(quoted("public.trace_spans"), r#""public"."trace_spans""#);
        assert_eq!(quoted(r#"a"; drop table b; --"#), r#""a""; drop table b; --""#);
    }
}
