//! Finds the rows of a table that have given ids, that are within a window of time, or both.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::catalog::Table;
use super::reply::Reply;
use super::required_columns::{missing_column, row_security};
use super::session::{Error, Session};
use super::window::Window;
use crate::observation::{self, Row, Rows, text};
use crate::spec::{Columns, Spec};

/// Maximum number of rows to read with one statement.
pub(super) const ROW_LIMIT: usize = 10_000;

/// Reads rows by the values of their columns, and lists what could not be read.
#[derive(Debug)]
pub(super) struct Lookup<'a> {
    /// The session. All rows are read in its one transaction.
    pub(super) session: &'a mut Session,
    /// The spec with the names of tables and columns.
    pub(super) spec: &'a Spec,
    /// What could not be read, each with its reason.
    pub(super) unread: Vec<String>,
    /// The tables in which row security may hide rows.
    filtered: BTreeSet<String>,
}

/// The columns of an id, and the ids to search for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key<'a> {
    /// Columns that together are the id; empty if the spec names no column.
    pub(super) columns: &'a [String],
    /// Ids. An id of several columns is the values of the columns joined by `/`.
    pub(super) values: &'a [String],
}

impl<'a> Key<'a> {
    /// Creates a key of one column.
    pub(super) fn new(column: &'a String, values: &'a [String]) -> Self {
        Self { columns: std::slice::from_ref(column), values }
    }
}

impl<'a> Lookup<'a> {
    /// Creates a lookup in a session.
    pub(super) fn new(session: &'a mut Session, spec: &'a Spec) -> Self {
        Self { session, spec, unread: Vec::new(), filtered: BTreeSet::new() }
    }

    /// Returns the rows of a query on a table of jobs, units or spans (`rows_of`). Adds the values of the
    /// spec's paths into JSON to each row. `what` describes the query in messages.
    pub(super) async fn look_up(
        &mut self,
        rows_of: observation::Table,
        what: &str,
        sql: &str,
        parameters: &[&[String]],
    ) -> Result<Reply<Vec<Row>>, Error> {
        let paths = rows_of.paths(&self.spec.tables);
        let mut found = self.session.look_up(what, sql, parameters).await?;
        if let Reply::Accepted(rows) = &mut found {
            for row in rows {
                paths.add_to(row);
            }
        }
        Ok(found)
    }

    /// Whether row security may hide rows of a table that was read.
    pub(super) fn may_have_hidden_rows(&self, table: &str) -> bool {
        self.filtered.contains(table)
    }

    /// Returns the rows, or `Unreadable` if a verdict can't rely on them: there are fewer than expected
    /// (`is_enough` is false), and row security may hide the others.
    pub(super) fn without_hidden(&self, rows: Rows, table: &str, is_enough: bool) -> Rows {
        let may_lack_rows = !is_enough && matches!(rows, Rows::Found(_));
        if may_lack_rows && self.may_have_hidden_rows(table) {
            Rows::Unreadable(row_security(table))
        } else {
            rows
        }
    }

    /// Returns the rows of a table that match any of the keys, without duplicates. Skips a key whose column
    /// does not exist, or by which a query would scan a large table, and adds a note about it to `unread`.
    /// Refused if no key could be used.
    pub(super) async fn rows_by(
        &mut self,
        rows_of: observation::Table,
        name: &str,
        keys: &[Key<'_>],
    ) -> Result<Reply<Vec<Row>>, Error> {
        let table = match Table::read(self.session, name).await? {
            Reply::Accepted(table) => table,
            Reply::Refused(reason) => return Ok(Reply::Refused(reason)),
        };
        if let Some(reason) = missing_column(self.spec, rows_of, |name| table.has_column(name)) {
            return Ok(Reply::Refused(reason));
        }
        if table.has_row_security {
            self.filtered.insert(name.to_owned());
        }
        let mut rows: Vec<Row> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut any_key_read = false;
        for Key { columns, values } in keys {
            let what = format!("{name} by {}", columns.join("/"));
            let mut conditions = Conditions::default();
            if !conditions.require_id(&table, columns, values) {
                if columns.iter().any(|column| !column.is_empty()) {
                    self.unread.push(format!("{what}: no such column"));
                }
                continue;
            }
            let sql = format!(
                "select {} from {} r {} limit {}",
                table.row_as_json(),
                table.name,
                conditions.clause(),
                ROW_LIMIT + 1
            );
            match self.look_up(rows_of, &what, &sql, &conditions.parameters()).await? {
                Reply::Accepted(found) => {
                    any_key_read = true;
                    if found.len() > ROW_LIMIT {
                        let limit = format!("{what}: only the first {ROW_LIMIT} rows were read");
                        self.unread.push(limit);
                    }
                    let new = found
                        .into_iter()
                        .filter(|row| seen.insert(Json::from(row.clone()).to_string()));
                    rows.extend(new);
                }
                Reply::Refused(reason) => self.unread.push(format!("{what}: {reason}")),
            }
        }
        Ok(if any_key_read {
            Reply::Accepted(rows)
        } else {
            Reply::Refused(self.unread.last().cloned().unwrap_or_default())
        })
    }
}

/// The conditions of a `where` clause, with the values of its parameters.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    sql: Vec<String>,
    parameters: Vec<Vec<String>>,
}

impl Conditions {
    /// Adds a condition without parameters.
    pub(super) fn add(&mut self, sql: String) {
        self.sql.push(sql);
    }

    /// Requires that a column has one of the values. Returns `false` if the column does not exist.
    pub(super) fn require_any(&mut self, table: &Table, column: &str, values: &[String]) -> bool {
        self.add_with_values(table.any_condition(column, self.next_parameter()), values)
    }

    /// Requires that the values of the columns are one of the ids. Leaves out ids that a column can't
    /// contain because of its type. Returns `false` if `columns` is empty or a column does not exist.
    pub(super) fn require_id(&mut self, table: &Table, columns: &[String], ids: &[String]) -> bool {
        let possible = |column: &str, ids: Vec<String>| -> Vec<String> {
            ids.into_iter().filter(|id| table.can_contain(column, id)).collect()
        };
        match columns {
            [] => false,
            [column] => self.require_any(table, column, &possible(column, ids.to_vec())),
            [first, ..] => {
                let Some(joined) = table.joined(columns) else { return false };
                // Without this condition on the first column, Postgres could not use an index. The value
                // itself may contain `/`, so every prefix of an id that ends before a `/` is allowed.
                let prefixes = ids.iter().flat_map(|id| {
                    id.match_indices('/').map(|(at, _)| id[..at].to_owned()).collect::<Vec<_>>()
                });
                self.require_any(table, first, &possible(first, prefixes.collect()));
                let condition = format!("{joined} = any(${}::text[])", self.next_parameter());
                self.add_with_values(Some(condition), ids)
            }
        }
    }

    /// Requires that the values of the columns are none of the ids. Returns `false` if `columns` is
    /// empty or a column does not exist.
    pub(super) fn require_other_id(
        &mut self,
        table: &Table,
        columns: &[String],
        ids: &[String],
    ) -> bool {
        let Some(joined) = table.joined(columns) else { return false };
        match columns {
            [] => false,
            [column] => self.require_none_of(table, column, ids),
            _ => {
                let condition = format!("not ({joined} = any(${}::text[]))", self.next_parameter());
                self.add_with_values(Some(condition), ids)
            }
        }
    }

    /// Requires that a column has none of the values. Returns `false` if the column does not exist.
    pub(super) fn require_none_of(
        &mut self,
        table: &Table,
        column: &str,
        values: &[String],
    ) -> bool {
        let is_any = table.any_condition(column, self.next_parameter());
        self.add_with_values(is_any.map(|is_any| format!("not ({is_any})")), values)
    }

    /// Requires that the time in a column is within the window. Returns `false` if the window has a
    /// start or an end, and the column does not exist.
    pub(super) fn require_within(&mut self, table: &Table, column: &str, window: Window) -> bool {
        [(true, window.since), (false, window.until)].into_iter().all(|(is_start, bound)| {
            let Some(bound) = bound else { return true };
            let next = self.next_parameter();
            match table.time_condition(column, is_start, bound, next) {
                Some((condition, true)) => {
                    self.add_with_values(Some(condition), &[bound.to_rfc3339()])
                }
                Some((condition, false)) => {
                    self.add(condition);
                    true
                }
                None => false,
            }
        })
    }

    /// Returns `where …`; empty without conditions.
    pub(super) fn clause(&self) -> String {
        if self.sql.is_empty() {
            return String::new();
        }
        format!("where {}", self.sql.join(" and "))
    }

    /// Returns the values of the parameters, in order.
    pub(super) fn parameters(&self) -> Vec<&[String]> {
        self.parameters.iter().map(Vec::as_slice).collect()
    }

    /// Returns the number of the next parameter.
    fn next_parameter(&self) -> usize {
        self.parameters.len() + 1
    }

    fn add_with_values(&mut self, condition: Option<String>, values: &[String]) -> bool {
        let Some(condition) = condition else { return false };
        self.sql.push(condition);
        self.parameters.push(values.to_vec());
        true
    }
}

/// Returns the ids of rows. Skips a row if a column of its id is null.
pub(super) fn ids(rows: &[Row], columns: &Columns) -> Vec<String> {
    rows.iter().filter_map(|row| observation::id(row, columns)).collect()
}

/// Returns the values of a column as strings. Skips null.
pub(super) fn texts(rows: &[Row], column: &str) -> Vec<String> {
    rows.iter().filter_map(|row| text(row, column)).collect()
}

/// Returns the rows, or `Unreadable` if there are more than [`ROW_LIMIT`]: the rows that were not read would
/// seem to be missing.
pub(super) fn require_complete(rows: Rows, what: &str) -> Rows {
    if rows.all().len() > ROW_LIMIT { Rows::Unreadable(too_many(what)) } else { rows }
}

/// Returns the reason why rows are not read: there are more than [`ROW_LIMIT`].
pub(super) fn too_many(what: &str) -> String {
    format!(
        "{what}: the selected jobs have more than {ROW_LIMIT} rows, the limit; if these are several jobs, select fewer with \
         `--job` or `--last`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table::with_columns([("id", "bigint"), ("at", "timestamp with time zone")])
    }

    fn window(since: Option<&str>, until: Option<&str>) -> Window {
        let [since, until] = [since, until].map(|at| at.map(|at| at.parse().unwrap()));
        Window { since, until }
    }

    #[test]
    fn each_bound_of_a_window_is_a_condition_with_the_next_parameter() {
        let at = |comparison: &str, parameter: usize| {
            format!(r#""at" {comparison} ((${parameter}::text[])[1])::timestamp with time zone"#)
        };
        let (early, late) = ("2025-10-22T12:00:00+00:00", "2025-10-22T13:00:00+00:00");
        for (window, bounds, values) in [
            (window(None, None), vec![], vec![]),
            (window(Some(early), None), vec![at(">=", 2)], vec![early]),
            (window(None, Some(late)), vec![at("<", 2)], vec![late]),
            (window(Some(early), Some(late)), vec![at(">=", 2), at("<", 3)], vec![early, late]),
        ] {
            let mut conditions = Conditions::default();
            conditions.add("true".into());
            assert!(conditions.require_none_of(&table(), "id", &["1".into(), "2".into()]));
            assert!(conditions.require_within(&table(), "at", window));
            let none_of = r#"not ("id" = any($1::text[]::bigint[]))"#.to_owned();
            let all = [vec!["true".to_owned(), none_of], bounds].concat();
            assert_eq!(conditions.clause(), format!("where {}", all.join(" and ")));
            let parameters = conditions.parameters();
            assert_eq!(parameters[0], ["1", "2"]);
            assert_eq!(parameters[1..].concat(), values);
        }
    }

    #[test]
    fn a_missing_column_adds_no_condition() {
        let mut conditions = Conditions::default();
        assert!(!conditions.require_any(&table(), "none", &["1".into()]));
        let day = window(Some("2025-10-22T00:00:00Z"), None);
        assert!(!conditions.require_within(&table(), "none", day));
        assert!(conditions.require_within(&table(), "none", Window::default()));
        assert_eq!((conditions.clause(), conditions.parameters().len()), (String::new(), 0));
    }
}
