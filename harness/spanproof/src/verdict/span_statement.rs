//! SQL statements that write spans, in the database server's log and in its list of running statements.

use super::facts::Facts;
use crate::identifier;
use crate::observation::{Failure, mentions};
use crate::spec::SpanTable;

/// The verbs of statements that add rows.
const INSERTS: [&str; 3] = ["insert", "copy", "merge"];
const UPDATE: &str = "update";

/// The words before the table into which a statement writes.
const BEFORE_TARGET: [&str; 5] = ["insert into", "merge into", "copy", "update only", "update"];

/// Clauses that contain the word `update`, and update no row by themselves.
const OTHER_UPDATES: [&str; 3] = ["for update", "for no key update", "do update"];

/// The span table: its name in lower case, and the names of its columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct SpanTarget<'a> {
    name: &'a str,
    columns: &'a SpanTable,
}

impl<'a> SpanTarget<'a> {
    /// `name` is the name of the span table without its schema, in lower case.
    pub(super) fn new(name: &'a str, columns: &'a SpanTable) -> Self {
        Self { name, columns }
    }

    /// Whether a statement writes into the span table, or writes rows with its columns into another table. A
    /// statement that copies stored spans into another table does not write spans.
    pub(super) fn is_written_by(self, statement: &str) -> bool {
        self.is_written_by_lower(&lower(statement))
    }

    /// Like [`is_written_by`](Self::is_written_by), for a statement in lower case.
    fn is_written_by_lower(self, statement: &str) -> bool {
        let targets = targets(statement);
        if targets.iter().any(|target| target == self.name) {
            return true;
        }
        let has_columns =
            || self.columns.has_columns_in(|column| mentions(statement, &column.to_lowercase()));
        let names_table = mentions(statement, self.name);
        if targets.is_empty() {
            return has_write(statement) && (names_table || has_columns());
        }
        !names_table && has_columns()
    }

    /// Whether the error of a statement may have lost spans. A trigger or a function may have written them, so
    /// the statement need not name the span table.
    pub(super) fn is_lost_by(self, error: &Failure) -> bool {
        let (message, name) = (error.message.to_lowercase(), self.name);
        let Some(statement) = error.statement.as_deref() else { return mentions(&message, name) };
        let statement = lower(statement);
        if self.is_written_by_lower(&statement) {
            return true;
        }
        // A name that begins with that of the span table may be one of its partitions. If the statement
        // has this name, it is the statement about this other table.
        !statement.contains(name) && message.contains(name)
            || !has_write(&statement) && !is_query(&statement) && mentions(&statement, name)
    }
}

/// Whether the error is from an update, which inserts no row.
pub(super) fn is_of_update(error: &Failure) -> bool {
    let statement = lower(error.statement.as_deref().unwrap_or_default());
    mentions(&statement, UPDATE) && !has_insert(&statement)
}

/// Whether a statement writes into the span table, or writes rows with its columns into another table.
pub(super) fn writes_spans(statement: &str, facts: &Facts<'_>) -> bool {
    let name = identifier::parts(&facts.span_table).1.to_lowercase();
    SpanTarget::new(&name, &facts.spec.tables.spans).is_written_by(statement)
}

/// Whether the error is from a query that reads the span table, such as a check of its columns.
pub(super) fn is_of_query(error: &Failure, table: &str) -> bool {
    let statement = lower(error.statement.as_deref().unwrap_or_default());
    let name = identifier::parts(table).1.to_lowercase();
    is_query(&statement) && mentions(&statement, &name)
}

/// Returns a statement in lower case, without the clauses that contain `update` and update nothing.
fn lower(statement: &str) -> String {
    let mut text = statement.to_lowercase();
    for clause in OTHER_UPDATES {
        text = text.replace(clause, "");
    }
    text
}

/// Returns the names of the tables into which a statement in lower case writes, without their schemas.
fn targets(statement: &str) -> Vec<String> {
    let words: Vec<&str> = statement.split_whitespace().collect();
    let text = words.join(" ");
    let mut found = Vec::new();
    for before in BEFORE_TARGET {
        for (start, _) in text.match_indices(before) {
            let is_word = !text[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let Some(after) = text[start + before.len()..].strip_prefix(' ').filter(|_| is_word)
            else {
                continue;
            };
            if let Some(name) = leading_name(after) {
                found.push(identifier::parts(name).1);
            }
        }
    }
    found
}

/// Returns the name of a table at the start of a text, with its schema and its quotes; `None` if there is no
/// name.
fn leading_name(text: &str) -> Option<&str> {
    let mut is_quoted = false;
    let end = text.find(|c: char| {
        is_quoted ^= c == '"';
        !(is_quoted || c == '"' || c == '.' || c == '_' || c == '$' || c.is_alphanumeric())
    });
    let name = &text[..end.unwrap_or(text.len())];
    (!name.is_empty() && !["only", "set"].contains(&name)).then_some(name)
}

fn is_query(statement: &str) -> bool {
    mentions(statement, "select") && !has_write(statement)
}

fn has_write(statement: &str) -> bool {
    has_insert(statement) || mentions(statement, UPDATE)
}

fn has_insert(statement: &str) -> bool {
    INSERTS.iter().any(|verb| mentions(statement, verb))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::spec::example;

    #[rstest]
    #[case::insert("INSERT INTO obs.spans (a) VALUES ($1)", "42501 denied", true)]
    #[case::quoted("insert into \"obs\".\"spans\"(a) values ($1)", "no", true)]
    #[case::copy("COPY obs.spans (a) FROM STDIN", "no", true)]
    #[case::copy_of_query("copy (select 1 from old_spans) to stdout", "no", false)]
    #[case::with_query("with x as (select 1) insert into spans select * from x", "no", true)]
    #[case::wrong_table("insert into span (trace_id, span_id, operation) values ($1)", "no", true)]
    #[case::archive(
        "insert into obs.spans_archive select * from obs.spans",
        "relation \"obs.spans_archive\" does not exist",
        false
    )]
    #[case::archive_with_columns(
        "insert into spans_archive (trace_id, span_id, operation) select trace_id, span_id, operation from spans",
        "relation \"spans_archive\" does not exist",
        false
    )]
    #[case::query_of_other_table(
        "select sum(n) from obs.spans_daily",
        "relation \"obs.spans_daily\" does not exist",
        false
    )]
    #[case::counter(
        "update obs.spans_count set n = n + 1",
        "relation \"obs.spans_count\" does not exist",
        false
    )]
    #[case::query("select * from obs.spans", "relation \"obs.spans\" does not exist", false)]
    #[case::query_for_update(
        "select 1 from spans_daily for update",
        "relation \"spans_daily\" does not exist",
        false
    )]
    #[case::function(
        "select record_span($1)",
        "null value in column \"a\" of relation \"spans\"",
        true
    )]
    #[case::function_on_a_partition(
        "select record_span($1)",
        "new row for relation \"spans_2026\"",
        true
    )]
    #[case::trigger("insert into jobs values ($1)", "permission denied for table spans", true)]
    #[case::other_work("insert into jobs values ($1)", "permission denied for table jobs", false)]
    fn an_error_loses_spans_only_if_its_statement_writes_them(
        #[case] statement: &str,
        #[case] message: &str,
        #[case] expected: bool,
    ) {
        let spec = example(|text| text);
        let target = SpanTarget::new("spans", &spec.tables.spans);
        let statement = Some(statement.to_owned());
        let error = Failure { state: "42P01".into(), message: message.into(), statement };
        assert_eq!(target.is_lost_by(&error), expected);
    }
}
