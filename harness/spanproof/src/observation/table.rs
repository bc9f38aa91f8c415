//! Rows of the three tables, whole and as they are, so that no column is lost before it is judged.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// One row: its columns by name, as `to_jsonb` gives them (times in UTC, ISO 8601).
pub type Row = Map<String, Value>;

/// One of the three tables that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    /// Jobs.
    Jobs,
    /// Units of work.
    Units,
    /// Spans.
    Spans,
}

/// The rows of one table.
#[derive(Debug, Clone, PartialEq)]
pub enum Rows {
    /// All of them.
    Found(Vec<Row>),
    /// The table can't be read, and why.
    Unreadable(String),
}

/// The rows of the three tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Tables {
    /// The rows of jobs.
    pub jobs: Rows,
    /// The rows of units.
    pub units: Rows,
    /// The rows of spans.
    pub spans: Rows,
}

impl Tables {
    /// Tables of which none can be read, for one reason.
    pub(crate) fn unreadable(why: &str) -> Self {
        let rows = || Rows::Unreadable(why.to_owned());
        Self { jobs: rows(), units: rows(), spans: rows() }
    }

    /// Each table with its rows.
    pub(crate) fn all(&self) -> [(Table, &Rows); 3] {
        let Self { jobs, units, spans } = self;
        [(Table::Jobs, jobs), (Table::Units, units), (Table::Spans, spans)]
    }
}

impl Rows {
    /// The rows; none if the table can't be read.
    pub fn all(&self) -> &[Row] {
        match self {
            Self::Found(rows) => rows,
            Self::Unreadable(_) => &[],
        }
    }

    /// The rows that satisfy `keep`.
    #[must_use]
    pub(crate) fn filtered(self, mut keep: impl FnMut(&Row) -> bool) -> Self {
        match self {
            Self::Found(mut rows) => {
                rows.retain(|row| keep(row));
                Self::Found(rows)
            }
            unreadable @ Self::Unreadable(_) => unreadable,
        }
    }

    /// The rows that are not among `before`, by what `same` compares; a table that could not be
    /// read before was empty.
    #[must_use]
    pub(crate) fn since(self, before: &Self, same: impl Fn(&Row, &Row) -> bool) -> Self {
        self.filtered(|row| !before.all().iter().any(|old| same(old, row)))
    }
}

/// A column as text; `None` if it is null or missing.
pub(crate) fn text(row: &Row, column: &str) -> Option<String> {
    match row.get(column)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A column as a time; without a zone it is UTC, as our sessions are.
pub(crate) fn time(row: &Row, column: &str) -> Option<DateTime<Utc>> {
    crate::timestamp::timestamp(row.get(column)?.as_str()?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(values: &[Value]) -> Rows {
        Rows::Found(values.iter().map(|value| value.as_object().unwrap().clone()).collect())
    }

    #[test]
    fn rows_since_are_those_that_were_not_there() {
        let before = rows(&[json!({"id": 1, "status": "open"}), json!({"id": 2})]);
        let after = rows(&[json!({"id": 1, "status": "done"}), json!({"id": 2}), json!({"id": 3})]);
        let same_id = |old: &Row, new: &Row| old["id"] == new["id"];
        assert_eq!(after.clone().since(&before, same_id), rows(&[json!({"id": 3})]));
        let changed = rows(&[json!({"id": 1, "status": "done"}), json!({"id": 3})]);
        assert_eq!(after.clone().since(&before, Row::eq), changed);
        let missing = Rows::Unreadable("no such table".into());
        assert_eq!(after.clone().since(&missing, Row::eq), after);
    }
}
