//! Checks once, before any case runs, that the tables and columns in the spec's section `[tables]` exist
//! after the migrations. A unit is one part of a job.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::Connection;

use super::Error;
use super::login::log_in;
use crate::document::suggestion;
use crate::identifier::TableName;
use crate::json_path::base;
use crate::spec::{Columns, Tables};
use spanproof_postgres::{Migrations, Server};

/// The tables of a database with their columns. A table that the search path finds has two entries: with
/// its schema and without.
#[derive(Debug, Default)]
struct Schema(BTreeMap<TableName, Vec<String>>);

/// A key of the spec that names a column.
struct ColumnKey<'a> {
    table: &'a str,
    key: &'static str,
    column: &'a str,
    /// Whether the value of the key may be `""`, for a table without such a column.
    optional: bool,
}

/// Checks that a migrated database has the tables and columns in `[tables]`, and returns the number of these
/// columns.
///
/// # Errors
/// When a table or column does not exist, or the database can't be read.
pub(super) async fn check(
    server: &Server,
    migrations: &Migrations,
    tables: &Tables,
) -> Result<usize, Error> {
    let database = server.migrated_database(migrations).await?;
    let failed = |error: sqlx::Error| Error::Database(error.into());
    let mut connection = log_in(database.url()).await.map_err(failed)?;
    let columns = sqlx::query_as(
        "select table_schema::text, table_name::text, column_name::text \
         from information_schema.columns \
         where table_schema not in ('pg_catalog', 'information_schema') \
         and table_name <> '_sqlx_migrations' \
         order by table_schema, table_name, ordinal_position",
    );
    let columns: Vec<[String; 3]> = columns
        .fetch_all(&mut connection)
        .await
        .map_err(failed)?
        .into_iter()
        .map(|(schema, table, column)| [schema, table, column])
        .collect();
    let path = sqlx::query_scalar("select unnest(current_schemas(false))::text");
    let path: Vec<String> = path.fetch_all(&mut connection).await.map_err(failed)?;
    drop(connection.close().await);
    database.close().await?;
    check_tables(&Schema::new(&columns, &path), tables)
}

impl Schema {
    /// Creates a schema from columns, each with its schema and table, and the search path.
    fn new(columns: &[[String; 3]], path: &[String]) -> Self {
        let mut tables: BTreeMap<TableName, Vec<String>> = BTreeMap::new();
        for [schema, table, column] in columns {
            let table = TableName { schema: Some(schema.clone()), name: table.clone() };
            tables.entry(table).or_default().push(column.clone());
        }
        // If several schemas of the path have a table of this name, Postgres uses the one in the first
        // schema.
        for schema in path {
            let is_inside = |table: &&TableName| table.schema.as_ref() == Some(schema);
            for table in tables.keys().filter(is_inside).cloned().collect::<Vec<_>>() {
                let columns = tables[&table].clone();
                tables.entry(TableName { schema: None, ..table }).or_insert(columns);
            }
        }
        Self(tables)
    }

    /// Returns the columns of a table. `key` is the key of the spec that names the table.
    fn table(&self, key: &str, named: &str) -> Result<&[String], Error> {
        let table = TableName::parse(named).ok();
        if let Some(columns) = table.as_ref().and_then(|table| self.0.get(table)) {
            return Ok(columns);
        }
        let is_qualified = table.is_some_and(|table| table.schema.is_some());
        let names = self.0.keys().filter(|name| name.schema.is_some() == is_qualified);
        let names: Vec<_> = names.map(ToString::to_string).collect();
        let is_jobs = key == "tables.jobs.table";
        let off = if is_jobs { "; use `\"\"` if the service has no table of jobs" } else { "" };
        Err(Error::Schema {
            key: key.to_owned(),
            named: named.to_owned(),
            missing: "the migrations create no such table".to_owned(),
            found: list(names.iter().map(String::as_str)),
            hint: format!("{}{off}", suggestion(named, names.iter().map(String::as_str))),
        })
    }
}

/// Checks that every table and column of the spec exists, and returns the number of these columns.
fn check_tables(schema: &Schema, tables: &Tables) -> Result<usize, Error> {
    let (jobs, units, spans) = (&tables.jobs.table, &tables.units.table, &tables.spans.table);
    if !jobs.is_empty() {
        schema.table("tables.jobs.table", jobs)?;
    }
    for (key, named) in [("tables.units.table", units), ("tables.spans.table", spans)] {
        schema.table(key, named)?;
    }
    let mut found = BTreeSet::new();
    for ColumnKey { table, key, column, optional } in column_keys(tables) {
        let columns = schema.table(key, table)?;
        if optional && column.is_empty() {
            continue;
        }
        if columns.iter().any(|name| *name == base(column)) {
            found.insert((table, column));
            continue;
        }
        let names = || columns.iter().map(String::as_str);
        let off = match key {
            "tables.spans.attributes" => "; use `attributes = {}` to compare no attributes",
            _ if optional => "; use `\"\"` if the table has no such column",
            _ => "",
        };
        return Err(Error::Schema {
            key: key.to_owned(),
            named: column.to_owned(),
            missing: format!("`{table}` has no such column"),
            found: list(names()),
            hint: format!("{}{off}", suggestion(column, names())),
        });
    }
    Ok(found.len())
}

/// Returns every key that names a column.
fn column_keys(tables: &Tables) -> Vec<ColumnKey<'_>> {
    let Tables { jobs, units, spans } = tables;
    let key = |table, optional| move |(key, column)| ColumnKey { table, key, column, optional };
    let mut all = Vec::new();
    if !jobs.table.is_empty() {
        all.extend([("tables.jobs.status", jobs.status.as_str())].map(key(&jobs.table, false)));
    }
    let unit_id = id_keys("tables.units.id", &units.id);
    let unit_key = units.key.iter().map(|column| ("tables.units.key", column));
    let attributes = spans.attributes.values().map(|column| ("tables.spans.attributes", column));
    let status = [("tables.units.status", &units.status)];
    let required = status.into_iter().chain(unit_key).chain(attributes);
    let required = required.map(|(key, column)| (key, column.as_str()));
    all.extend(unit_id.into_iter().chain(required).map(key(&units.table, false)));
    all.extend([("tables.units.outcome", units.outcome.as_str())].map(key(&units.table, true)));
    let span_columns = [
        ("tables.spans.trace", &spans.trace),
        ("tables.spans.id", &spans.id),
        ("tables.spans.name", &spans.name),
        ("tables.spans.started", &spans.started),
        ("tables.spans.completed", &spans.completed),
        ("tables.spans.status", &spans.status),
    ];
    let unit = id_keys("tables.spans.unit", &spans.unit);
    let attributes = spans.attributes.keys().map(|column| ("tables.spans.attributes", column));
    let required = span_columns.into_iter().chain(attributes);
    let required = required.map(|(key, column)| (key, column.as_str()));
    all.extend(unit.into_iter().chain(required).map(key(&spans.table, false)));
    let optional = [
        ("tables.spans.parent", spans.parent.as_str()),
        ("tables.spans.service", spans.service.as_str()),
        ("tables.spans.duration", spans.duration.as_str()),
    ];
    all.extend(optional.map(key(&spans.table, true)));
    all
}

/// Returns pairs of the key and a column, one for each column of an id. If the id has no column, returns
/// one pair with an empty column name.
fn id_keys<'a>(key: &'static str, columns: &'a Columns) -> Vec<(&'static str, &'a str)> {
    match columns.columns() {
        [] => vec![(key, "")],
        columns => columns.iter().map(|column| (key, column.as_str())).collect(),
    }
}

/// Lists names in backticks; `nothing` for an empty list.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(tables: &[(&str, &str, &str)], path: &[&str]) -> Schema {
        let column = |schema: &str, table: &str, column: &str| {
            [schema.to_owned(), table.to_owned(), column.to_owned()]
        };
        let columns: Vec<_> = tables
            .iter()
            .flat_map(|(schema, table, columns)| {
                columns.split(' ').map(|name| column(schema, table, name))
            })
            .collect();
        Schema::new(&columns, &path.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_table_name_without_a_schema_is_found_by_the_search_path() {
        let tables = [("app", "jobs", "state"), ("public", "jobs", "status"), ("x", "hidden", "a")];
        let both = schema(&tables, &["app", "public"]);
        assert_eq!(both.table("k", "jobs").unwrap(), ["state"]);
        assert_eq!(both.table("k", "public.jobs").unwrap(), ["status"]);
        assert_eq!(both.table("k", "x.hidden").unwrap(), ["a"]);
        assert_eq!(
            both.table("k", "hidden").unwrap_err().to_string(),
            "`k` = `hidden`: the migrations create no such table; found: `jobs`"
        );
    }

    #[test]
    fn only_the_names_of_optional_columns_may_be_empty() {
        let found = schema(
            &[
                ("public", "jobs", "status"),
                ("public", "executions", "id status"),
                ("public", "trace_spans", "t s operation started_at completed_at status unit"),
            ],
            &["public"],
        );
        let mut tables: Tables = toml::from_str(
            "units = { outcome = '', key = [] }\n\
             [spans]\ntrace = 't'\nid = 's'\nunit = 'unit'\nattributes = {}\n\
             parent = ''\nservice = ''\nduration = ''",
        )
        .unwrap();
        assert_eq!(check_tables(&found, &tables).unwrap(), 10);
        tables.spans.completed.clear();
        let error = check_tables(&found, &tables).unwrap_err().to_string();
        assert!(
            error.starts_with("`tables.spans.completed` = ``: `trace_spans` has no"),
            "{error}"
        );
    }
}
