//! The columns without which the rows of a table can't be judged. Also the message for a table in which row
//! security may hide rows.

use crate::json_path::base;
use crate::observation::Table;
use crate::spec::Spec;

/// Returns why the rows of a table can't be judged: it lacks a column by which spanproof selects or
/// identifies them. `None` if it has all of these columns.
pub(super) fn missing_column(
    spec: &Spec,
    rows_of: Table,
    has_column: impl Fn(&str) -> bool,
) -> Option<String> {
    let tables = &spec.tables;
    let (section, table, required) = match rows_of {
        Table::Jobs => ("jobs", &tables.jobs.table, vec![("id", &tables.jobs.id)]),
        Table::Units => {
            let id = tables.units.id.columns().iter().map(|column| ("id", column));
            let all = id.chain([("job", &tables.units.job)]).collect();
            ("units", &tables.units.table, all)
        }
        Table::Spans => {
            let spans = &tables.spans;
            let all = vec![("trace", &spans.trace), ("id", &spans.id), ("name", &spans.name)];
            ("spans", &spans.table, all)
        }
    };
    let (key, column) = required
        .into_iter()
        .find(|(_, column)| !column.is_empty() && !has_column(&base(column)))?;
    Some(format!("`{table}` has no column `{column}`; correct `{key}` under `[tables.{section}]`"))
}

/// Returns why the rows of a dump can't be judged: the server computes a column, and `pg_dump` omits its
/// values. `None` if no column that a verdict depends on is computed.
pub(super) fn generated_column(
    spec: &Spec,
    rows_of: Table,
    is_generated: impl Fn(&str) -> bool,
) -> Option<String> {
    let tables = &spec.tables;
    let spans = &tables.spans;
    // These columns are optional: a verdict compares the duration, for example, only if it is known.
    let ignored = [&spans.duration, &spans.error];
    let (table, columns) = match rows_of {
        Table::Jobs => (&tables.jobs.table, tables.jobs.columns().collect()),
        Table::Units => (&tables.units.table, tables.unit_columns().collect()),
        Table::Spans => (&spans.table, spans.columns()),
    };
    let column = columns.into_iter().find(|column| {
        !ignored.iter().any(|ignored| ignored == column) && is_generated(&base(column))
    })?;
    Some(format!(
        "the dump has no values of the generated column `{column}` of `{table}`, because the server computes it; \
         give the database itself, with `--database`"
    ))
}

/// Returns the reason why rows of a table may be missing: row security hides them from a role.
pub(super) fn row_security(table: &str) -> String {
    format!(
        "row security may hide rows of `{table}` from the role that reads them; read them as a role that has \
         `BYPASSRLS`, or as the owner of the table"
    )
}
