//! How rows are found: by the values of a column, within a window of time, or both.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::catalog::Table;
use super::moment::Window;
use super::reply::Reply;
use super::session::{Error, Session};
use crate::evidence::{Row, text};
use crate::spec::Spec;

/// Rows read by one statement at most.
pub(super) const ROW_LIMIT: usize = 10_000;

/// A search in a database: where rows are read, as what, and what could not be read.
#[derive(Debug)]
pub(super) struct Lookup<'a> {
    /// The transaction in which everything is read.
    pub(super) session: &'a mut Session,
    /// Which tables and columns are read.
    pub(super) spec: &'a Spec,
    /// What could not be read, each with its reason.
    pub(super) unread: Vec<String>,
}

/// A column, and the values that are looked for in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key<'a> {
    /// The column; empty if the spec names none.
    pub(super) column: &'a str,
    /// The values.
    pub(super) values: &'a [String],
}

impl<'a> Key<'a> {
    /// A key with one value.
    pub(super) fn one(column: &'a str, value: &'a String) -> Self {
        Self { column, values: std::slice::from_ref(value) }
    }
}

impl<'a> Lookup<'a> {
    pub(super) fn new(session: &'a mut Session, spec: &'a Spec) -> Self {
        Self { session, spec, unread: Vec::new() }
    }

    /// The rows of a table that any of the keys matches, each row once. Skips columns that the
    /// table does not have or that no index serves, and notes them as unread.
    pub(super) async fn rows_by(
        &mut self,
        name: &str,
        keys: &[Key<'_>],
    ) -> Result<Reply<Vec<Row>>, Error> {
        let table = match Table::read(self.session, name).await? {
            Reply::Accepted(table) => table,
            Reply::Refused(reason) => return Ok(Reply::Refused(reason)),
        };
        let mut rows: Vec<Row> = Vec::new();
        let mut known = BTreeSet::new();
        let mut asked = false;
        for Key { column, values } in keys {
            let what = format!("{name} by {column}");
            let values: Vec<_> =
                values.iter().filter(|value| table.may_hold(column, value)).cloned().collect();
            let mut conditions = Conditions::default();
            if !conditions.is_any(&table, column, &values) {
                if !column.is_empty() {
                    self.unread.push(format!("{what}: there is no such column"));
                }
                continue;
            }
            let sql = format!(
                "select to_jsonb(r) from {} r {} limit {ROW_LIMIT}",
                table.name,
                conditions.clause()
            );
            match self.session.look_up(&what, &sql, &conditions.parameters()).await? {
                Reply::Accepted(found) => {
                    asked = true;
                    if found.len() == ROW_LIMIT {
                        let limit = format!("{what}: only the first {ROW_LIMIT} rows were read");
                        self.unread.push(limit);
                    }
                    let new = found
                        .into_iter()
                        .filter(|row| known.insert(Json::from(row.clone()).to_string()));
                    rows.extend(new);
                }
                Reply::Refused(reason) => self.unread.push(format!("{what}: {reason}")),
            }
        }
        Ok(if asked {
            Reply::Accepted(rows)
        } else {
            Reply::Refused(self.unread.last().cloned().unwrap_or_default())
        })
    }
}

/// The conditions of a `where` clause, with the values of their parameters.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    sql: Vec<String>,
    parameters: Vec<Vec<String>>,
}

impl Conditions {
    /// Adds a condition without parameters.
    pub(super) fn add(&mut self, sql: String) {
        self.sql.push(sql);
    }

    /// Adds that a column has one of the values. `false` if there is no such column.
    pub(super) fn is_any(&mut self, table: &Table, column: &str, values: &[String]) -> bool {
        self.add_with(table.is_any(column, self.next()), values)
    }

    /// Adds that a column has none of the values. `false` if there is no such column.
    pub(super) fn is_none_of(&mut self, table: &Table, column: &str, values: &[String]) -> bool {
        let is_any = table.is_any(column, self.next());
        self.add_with(is_any.map(|is_any| format!("not ({is_any})")), values)
    }

    /// Adds that a column's time is within the window. `false` if the window has an end and there
    /// is no such column.
    pub(super) fn is_within(&mut self, table: &Table, column: &str, window: Window) -> bool {
        [(">=", window.since), ("<", window.until)].into_iter().all(|(comparison, limit)| {
            let Some(limit) = limit else { return true };
            let condition = table.compares(column, comparison, self.next());
            self.add_with(condition, &[limit.to_rfc3339()])
        })
    }

    /// `where …`; empty if there are no conditions.
    pub(super) fn clause(&self) -> String {
        if self.sql.is_empty() {
            return String::new();
        }
        format!("where {}", self.sql.join(" and "))
    }

    /// The values of the parameters, in their order.
    pub(super) fn parameters(&self) -> Vec<&[String]> {
        self.parameters.iter().map(Vec::as_slice).collect()
    }

    /// The number of the next parameter.
    fn next(&self) -> usize {
        self.parameters.len() + 1
    }

    fn add_with(&mut self, condition: Option<String>, values: &[String]) -> bool {
        let Some(condition) = condition else { return false };
        self.sql.push(condition);
        self.parameters.push(values.to_vec());
        true
    }
}

/// The values of a column as text, without those that are null.
pub(super) fn texts(rows: &[Row], column: &str) -> Vec<String> {
    rows.iter().filter_map(|row| text(row, column)).collect()
}
