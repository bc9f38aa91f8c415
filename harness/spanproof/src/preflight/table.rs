//! Checks the tables that the spec names, and their columns.

use std::collections::BTreeMap;

use spanproof_format::Check;

use super::check::PendingCheck;
use super::row::text;
use super::{index, privilege, search_path};
use crate::deployment::catalog::Table;
use crate::deployment::{Error, Reply, Session};
use crate::identifier;
use crate::observation::Row;
use crate::spec::{SpanTable, Spec};

/// Checks the tables of jobs, units of work and spans.
pub(super) async fn table_checks(session: &mut Session, spec: &Spec) -> Result<Vec<Check>, Error> {
    let tables = &spec.tables;
    let mut checks = Vec::new();
    let work = [&tables.jobs.table, &tables.units.table];
    for name in work.into_iter().filter(|name| !name.is_empty()) {
        checks.push(work_table_check(session, name).await?);
    }
    let name = &tables.spans.table;
    let check = pending_table_check(name);
    let schemas = match table_schemas(session, name).await? {
        Reply::Accepted(schemas) => schemas,
        Reply::Refused(why) => {
            checks.push(check.untried(why, "grant the role access to the catalog"));
            return Ok(checks);
        }
    };
    let Some(schema) = schemas.found else {
        let next = match search_path::next_step(session).await? {
            Some(next) => next,
            None => "apply the migrations to this database, or grant usage on the schema and add it to the search path".to_owned(),
        };
        let path = schemas.path;
        let others =
            others_text(&schemas.others).map_or(String::new(), |others| format!("; {others}"));
        checks.push(check.failed(format!("not found on the search path {path}{others}"), next));
        return Ok(checks);
    };
    checks.push(match others_text(&schemas.others) {
        None => check.passed(format!("found in the schema `{schema}`, and in no other schema")),
        Some(others) => {
            let next = "add the schema to the table's name in the code that writes spans";
            check.advice(format!("found in the schema `{schema}`; {others}, too"), next)
        }
    });
    checks.push(column_check(session, spec).await?);
    checks.extend(width_check(session, spec).await?);
    checks.extend(index::index_checks(session, spec).await?);
    checks.push(privilege::privilege_check(session, spec).await?);
    checks.push(index::size_check(session, spec).await?);
    Ok(checks)
}

fn pending_table_check(name: &str) -> PendingCheck {
    let checked = "looked up on the role's search path, and in every schema";
    PendingCheck::new(format!("table {name}"), checked)
}

/// Checks the table of jobs or of units of work. Without these tables, spans can be recorded but not
/// compared with jobs and units.
async fn work_table_check(session: &mut Session, name: &str) -> Result<Check, Error> {
    let check = pending_table_check(name);
    let next =
        "spans can be recorded without this table, but not compared with jobs and units of work";
    if let Reply::Refused(why) = Table::read(session, name).await? {
        return Ok(check.advice(why, next));
    }
    Ok(match table_schemas(session, name).await? {
        Reply::Refused(why) => check.untried(why, ""),
        Reply::Accepted(TableSchemas { found: Some(schema), others, .. }) => {
            match others_text(&others) {
                None => check.passed(format!("found in the schema `{schema}`, and readable")),
                Some(others) => {
                    let found = format!("found in the schema `{schema}`; {others}, too");
                    check.advice(found, "add the schema to the table's name in the spec")
                }
            }
        }
        Reply::Accepted(TableSchemas { path, .. }) => {
            check.advice(format!("not found on the search path {path}"), next)
        }
    })
}

/// Describes the other schemas that have a table of the same name; `None` if there are none.
fn others_text(schemas: &[String]) -> Option<String> {
    let named: Vec<_> = schemas.iter().map(|schema| format!("`{schema}`")).collect();
    let has = if named.len() == 1 { "has" } else { "have" };
    (!named.is_empty()).then(|| format!("{} {has} a table of this name", named.join(", ")))
}

/// The schemas that have a table with a certain name.
struct TableSchemas {
    /// The role's search path.
    path: String,
    /// The schema of the table that the role's queries use; `None` if they find no table.
    found: Option<String>,
    /// The schemas with another table of this name.
    others: Vec<String>,
}

/// Looks up all tables with this name. The name may start with a schema.
async fn table_schemas(session: &mut Session, name: &str) -> Result<Reply<TableSchemas>, Error> {
    let sql = "select jsonb_build_object('schema', n.nspname, 'own',
                  case ($1::text[])[1] when '' then pg_table_is_visible(c.oid)
                  else n.nspname = ($1::text[])[1] and has_schema_privilege(n.oid, 'usage') end)
               from pg_class c join pg_namespace n on n.oid = c.relnamespace
               where c.relname = ($1::text[])[2] and c.relkind in ('r', 'p', 'v', 'm', 'f')
                 and n.nspname not like 'pg\\_%' order by n.nspname limit 50";
    let (schema, plain) = identifier::parts(name);
    let parameters = [schema.unwrap_or_default(), plain];
    let rows = match session.rows("the tables of that name", sql, &[&parameters]).await? {
        Reply::Accepted(rows) => rows,
        Reply::Refused(why) => return Ok(Reply::Refused(why)),
    };
    let path = "select to_jsonb(current_setting('search_path'))";
    let path = session.values("the search path", path, &[]).await?.accepted_or_default();
    let path = path.first().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let (found, others): (Vec<&Row>, Vec<&Row>) =
        rows.iter().partition(|row| row.get("own") == Some(&true.into()));
    let schema = |row: &&Row| text(row, "schema");
    let others = others.iter().map(schema).collect();
    Ok(Reply::Accepted(TableSchemas { path, found: found.first().map(schema), others }))
}

/// Checks that the span table has every column of the spec.
async fn column_check(session: &mut Session, spec: &Spec) -> Result<Check, Error> {
    let spans = &spec.tables.spans;
    let check = PendingCheck::new("columns", "each column that `[tables.spans]` names");
    let table = match Table::read(session, &spans.table).await? {
        Reply::Accepted(table) => table,
        Reply::Refused(why) => {
            return Ok(check.failed(why, "grant select on the table to the role"));
        }
    };
    let wanted = spans.columns();
    let (existing, missing): (Vec<_>, Vec<_>) =
        wanted.into_iter().partition(|column| table.has_column(column));
    // The error column is optional: without a name in the spec, the column with the default name is used if
    // it exists.
    let is_optional = |column: &&str| *column == spans.error;
    let is_default = spans.error == SpanTable::default().error;
    let required: Vec<_> = missing.iter().filter(|column| !is_optional(column)).copied().collect();
    if missing.is_empty() || required.is_empty() && is_default {
        let found = format!("all {} columns of the spec exist", existing.len());
        return Ok(check.passed(found));
    }
    let (named, all) = (missing.join(", "), table.names().collect::<Vec<_>>().join(", "));
    let found = format!("`{}` has no {named}; it has {all}", spans.table);
    if required.is_empty() {
        return Ok(check.advice(found, "correct `error` under `[tables.spans]`, or leave it out"));
    }
    let next = "apply the migrations, or correct the names in `[tables.spans]`, with `\"\"` for a column that the table does not have";
    Ok(check.failed(found, next))
}

/// Returns the type of each column of a table, with its width, by column name.
async fn column_types(
    session: &mut Session,
    name: &str,
) -> Result<BTreeMap<String, String>, Error> {
    let sql = "select jsonb_build_object('name', attname, 'type', format_type(atttypid, atttypmod))
               from pg_attribute where attrelid = to_regclass(($1::text[])[1]) and attnum > 0
                 and not attisdropped";
    let rows = session.rows("the columns", sql, &[&[identifier::table(name)]]).await?;
    let pair = |row: &Row| (text(row, "name"), text(row, "type"));
    Ok(rows.accepted_or_default().iter().map(pair).collect())
}

/// Checks that each attribute column of spans is as wide as the column of units whose values are copied to
/// it, because the server refuses a span with a value that is too long. `None` if all columns are wide
/// enough.
async fn width_check(session: &mut Session, spec: &Spec) -> Result<Option<Check>, Error> {
    let tables = &spec.tables;
    let spans = column_types(session, &tables.spans.table).await?;
    let units = column_types(session, &tables.units.table).await?;
    let width = |sql_type: Option<&String>| -> Option<u32> {
        sql_type?.strip_prefix("character varying(")?.trim_end_matches(')').parse().ok()
    };
    let narrow = tables.spans.attributes.iter().filter_map(|(span, unit)| {
        let (span_width, unit_type) = (width(spans.get(span))?, units.get(unit)?);
        let is_wider = width(Some(unit_type)).is_none_or(|width| width > span_width);
        let is_text = unit_type.starts_with("character varying") || unit_type == "text";
        (is_text && is_wider).then(|| {
            format!(
                "`{span}` holds {span_width} characters, but the unit's column `{unit}` is \
                 {unit_type}"
            )
        })
    });
    let narrow: Vec<_> = narrow.collect();
    let check =
        PendingCheck::new("widths", "each attribute column, compared with the unit's column");
    Ok((!narrow.is_empty()).then(|| {
        let next = "make the column as wide as the unit's: the server refuses a span whose value is too long (SQLSTATE 22001)";
        check.advice(narrow.join("; "), next)
    }))
}
