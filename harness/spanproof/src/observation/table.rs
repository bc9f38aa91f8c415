//! The rows of the three tables: jobs, units of work and spans. Rows keep all columns, including those that
//! the spec does not name.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::json_path::Paths;
use crate::spec::{Columns, Tables};
use crate::timestamp::{epoch, timestamp};

/// One row: its columns by name, as `to_jsonb` returns them (times in UTC, ISO 8601).
pub type Row = Map<String, Value>;

/// One of the three tables that spanproof reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    /// Jobs.
    Jobs,
    /// Units of work.
    Units,
    /// Spans.
    Spans,
}

impl Table {
    /// Returns the columns of this table that are paths into JSON.
    pub(crate) fn paths(self, tables: &Tables) -> Paths {
        match self {
            Self::Jobs => Paths::new(tables.jobs.columns()),
            Self::Units => Paths::new(tables.unit_columns()),
            Self::Spans => {
                Paths::new(tables.spans.columns().into_iter().chain([&*tables.spans.error_type]))
            }
        }
    }
}

/// The rows of one table.
#[derive(Debug, Clone, PartialEq)]
pub enum Rows {
    /// The rows. They may be many, so that copies share them.
    Found(Arc<Vec<Row>>),
    /// The reason why the table can't be read.
    Unreadable(String),
}

/// The rows of the three tables.
#[derive(Debug, Clone, PartialEq)]
pub struct TableRows {
    /// The rows of jobs.
    pub jobs: Rows,
    /// The rows of units.
    pub units: Rows,
    /// The rows of spans.
    pub spans: Rows,
}

impl TableRows {
    /// Creates three tables that can't be read, all for the same reason.
    pub(crate) fn unreadable(why: &str) -> Self {
        let rows = || Rows::Unreadable(why.to_owned());
        Self { jobs: rows(), units: rows(), spans: rows() }
    }

    /// Returns each table with its rows.
    pub(crate) fn all(&self) -> [(Table, &Rows); 3] {
        let Self { jobs, units, spans } = self;
        [(Table::Jobs, jobs), (Table::Units, units), (Table::Spans, spans)]
    }
}

impl From<Vec<Row>> for Rows {
    fn from(rows: Vec<Row>) -> Self {
        Self::Found(Arc::new(rows))
    }
}

impl FromIterator<Row> for Rows {
    fn from_iter<T: IntoIterator<Item = Row>>(rows: T) -> Self {
        Self::from(rows.into_iter().collect::<Vec<_>>())
    }
}

impl Default for Rows {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl Rows {
    /// Returns the rows; empty if the table can't be read.
    pub fn all(&self) -> &[Row] {
        match self {
            Self::Found(rows) => rows,
            Self::Unreadable(_) => &[],
        }
    }

    /// Returns the rows to change them; `None` if the table can't be read. Copies do not change.
    pub(crate) fn found_mut(&mut self) -> Option<&mut Vec<Row>> {
        match self {
            Self::Found(rows) => Some(Arc::make_mut(rows)),
            Self::Unreadable(_) => None,
        }
    }

    /// Adds the values of paths into JSON to each row.
    #[must_use]
    pub(crate) fn with_paths(mut self, paths: &Paths) -> Self {
        if !paths.is_empty() {
            for row in self.found_mut().into_iter().flatten() {
                paths.add_to(row);
            }
        }
        self
    }

    /// Creates rows from JSON objects.
    #[cfg(test)]
    pub(crate) fn from_json(rows: impl IntoIterator<Item = Value>) -> Self {
        rows.into_iter().map(|row| row.as_object().unwrap().clone()).collect()
    }

    /// Keeps the rows that satisfy `keep`.
    #[must_use]
    pub(crate) fn filter(self, mut keep: impl FnMut(&Row) -> bool) -> Self {
        match self {
            Self::Found(rows) => {
                let mut rows = Arc::unwrap_or_clone(rows);
                rows.retain(|row| keep(row));
                Self::from(rows)
            }
            unreadable @ Self::Unreadable(_) => unreadable,
        }
    }

    /// Keeps the rows that are not in `before`, compared by `same`. If `before` could not be read,
    /// all rows stay.
    #[must_use]
    pub(crate) fn difference(self, before: &Self, same: impl Fn(&Row, &Row) -> bool) -> Self {
        self.filter(|row| !before.all().iter().any(|old| same(old, row)))
    }
}

/// Returns a column as text; `None` if it is null or missing.
pub(crate) fn text(row: &Row, column: &str) -> Option<String> {
    match row.get(column)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        // A `numeric` column with a scale contains 501.0 for 501.
        Value::Number(number) if number.is_f64() => Some(match number.as_f64() {
            Some(value) if value.fract() == 0.0 && value.abs() < 1e15 => format!("{value:.0}"),
            _ => number.to_string(),
        }),
        other => Some(other.to_string()),
    }
}

/// Returns the text of an id: the parts joined by `/`. `None` if a part is null or missing.
pub(crate) fn id(row: &Row, columns: &Columns) -> Option<String> {
    let parts: Option<Vec<_>> = columns.columns().iter().map(|column| text(row, column)).collect();
    parts.filter(|parts| !parts.is_empty()).map(|parts| parts.join("/"))
}

/// Returns an id in one spelling for all spellings of its parts: a UUID may be in capitals, without hyphens or in
/// braces, and a `bytea` column writes `\x` before the digits.
pub(crate) fn canonical_id(id: &str) -> String {
    let canonical = |part: &str| {
        let digits = part.strip_prefix("\\x").unwrap_or(part);
        Uuid::try_parse(digits).map_or_else(|_| part.to_owned(), |uuid| uuid.to_string())
    };
    id.split('/').map(canonical).collect::<Vec<_>>().join("/")
}

/// Returns the [canonical id](canonical_id) of a row, to compare it with that of another row; `None` if a part is
/// null or missing.
pub(crate) fn id_to_compare(row: &Row, columns: &Columns) -> Option<String> {
    id(row, columns).map(|id| canonical_id(&id))
}

/// Returns a column as a time; `None` if its value is not a time. Times without a zone are UTC, the
/// time zone of spanproof's sessions. A number is a Unix time.
pub(crate) fn time(row: &Row, column: &str) -> Option<DateTime<Utc>> {
    let text = text(row, column)?;
    timestamp(&text).or_else(|| epoch(&text).map(|(at, _)| at))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(values: &[Value]) -> Rows {
        Rows::from_json(values.to_vec())
    }

    #[test]
    fn the_difference_keeps_rows_that_equal_no_earlier_row() {
        let before = rows(&[json!({"id": 1, "status": "open"}), json!({"id": 2})]);
        let after = rows(&[json!({"id": 1, "status": "done"}), json!({"id": 2}), json!({"id": 3})]);
        let same_id = |old: &Row, new: &Row| old["id"] == new["id"];
        assert_eq!(after.clone().difference(&before, same_id), rows(&[json!({"id": 3})]));
        let changed = rows(&[json!({"id": 1, "status": "done"}), json!({"id": 3})]);
        assert_eq!(after.clone().difference(&before, Row::eq), changed);
        let missing = Rows::Unreadable("no such table".into());
        assert_eq!(after.clone().difference(&missing, Row::eq), after);
    }
}
