//! SQL statements that write spans, in the database server's log and in its list of running statements.

use super::facts::Facts;
use crate::identifier;
use crate::observation::{Failure, mentions};

/// The verbs of statements that add rows.
const INSERTS: [&str; 3] = ["insert", "copy", "merge"];
const UPDATE: &str = "update";

/// Whether the error is from an update, which inserts no row.
pub(super) fn is_of_update(error: &Failure) -> bool {
    let statement = error.statement.as_deref().unwrap_or_default().to_lowercase();
    mentions(&statement, UPDATE) && !has_insert(&statement)
}

/// Whether a statement writes into the span table, or into a table with its columns.
pub(super) fn writes_spans(statement: &str, facts: &Facts<'_>) -> bool {
    let statement = statement.to_lowercase();
    let table_name = identifier::parts(&facts.span_table).1.to_lowercase();
    let spans = &facts.spec.tables.spans;
    let has_span_columns =
        || spans.has_columns_in(|column| mentions(&statement, &column.to_lowercase()));
    (mentions(&statement, &table_name) || has_span_columns()) && has_write(&statement)
}

/// Whether the error is from a query that reads the span table, such as a check of its columns.
pub(super) fn is_of_query(error: &Failure, table: &str) -> bool {
    let statement = error.statement.as_deref().unwrap_or_default().to_lowercase();
    let name = identifier::parts(table).1.to_lowercase();
    mentions(&statement, "select") && mentions(&statement, &name) && !has_write(&statement)
}

fn has_write(statement: &str) -> bool {
    has_insert(statement) || mentions(statement, UPDATE)
}

fn has_insert(statement: &str) -> bool {
    INSERTS.iter().any(|verb| mentions(statement, verb))
}
