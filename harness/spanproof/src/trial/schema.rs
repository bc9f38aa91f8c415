//! Whether `[tables]` names what the migrations make: told once, before any case runs. What a seed
//! takes away afterwards is a case's own affair.

use std::collections::BTreeMap;

use sqlx::{Connection, PgConnection};

use super::Error;
use crate::document::suggestion;
use crate::spec::Tables;
use spanproof_postgres::{Migrations, Server};

/// The tables of a database with their columns. A table is known by its name with its schema, and
/// by its name alone where the search path finds it.
#[derive(Debug, Default)]
struct Schema(BTreeMap<String, Vec<String>>);

/// A key of the spec that names a column.
struct Mapped<'a> {
    table: &'a str,
    key: &'static str,
    column: &'a str,
    /// Whether `""` may say that there is no such column.
    optional: bool,
}

/// Compares the migrated template with the spec.
///
/// # Errors
/// When a table or a column that the spec names is not there, or the database can't be read.
pub(super) async fn compare(
    server: &Server,
    migrations: &Migrations,
    tables: &Tables,
) -> Result<(), Error> {
    let database = server.migrated(migrations).await?;
    let failed = |error: sqlx::Error| Error::Database(error.into());
    let mut connection = PgConnection::connect(database.url()).await.map_err(failed)?;
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
    agree(&Schema::of(&columns, &path), tables)
}

impl Schema {
    /// From each column with its schema and table, and the schemas that need not be said.
    fn of(columns: &[[String; 3]], path: &[String]) -> Self {
        let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for [schema, table, column] in columns {
            tables.entry(format!("{schema}.{table}")).or_default().push(column.clone());
        }
        // The first schema of the path that has a table hides the others.
        for schema in path {
            let prefix = format!("{schema}.");
            let seen: Vec<_> = tables
                .iter()
                .filter_map(|(name, columns)| Some((name.strip_prefix(&prefix)?, columns)))
                .map(|(name, columns)| (name.to_owned(), columns.clone()))
                .collect();
            for (name, columns) in seen {
                tables.entry(name).or_insert(columns);
            }
        }
        Self(tables)
    }

    /// The columns of a table that a key names.
    fn table(&self, key: &str, named: &str) -> Result<&[String], Error> {
        if let Some(columns) = self.0.get(named) {
            return Ok(columns);
        }
        let qualified = named.contains('.');
        let names = || self.0.keys().map(String::as_str).filter(|n| n.contains('.') == qualified);
        Err(Error::Schema {
            key: key.to_owned(),
            named: named.to_owned(),
            missing: "the migrations make no such table".to_owned(),
            found: listed(names()),
            hint: suggestion(named, names()),
        })
    }
}

/// Whether every table and column that the spec names is there.
fn agree(schema: &Schema, tables: &Tables) -> Result<(), Error> {
    let (jobs, units, spans) = (&tables.jobs.table, &tables.units.table, &tables.spans.table);
    for (key, named) in
        [("tables.jobs.table", jobs), ("tables.units.table", units), ("tables.spans.table", spans)]
    {
        schema.table(key, named)?;
    }
    for mapped in mapped(tables) {
        let columns = schema.table(mapped.key, mapped.table)?;
        let switched_off = mapped.optional && mapped.column.is_empty();
        if switched_off || columns.iter().any(|column| column == mapped.column) {
            continue;
        }
        let names = || columns.iter().map(String::as_str);
        let off = if mapped.optional { "; `\"\"` says that there is none" } else { "" };
        return Err(Error::Schema {
            key: mapped.key.to_owned(),
            named: mapped.column.to_owned(),
            missing: format!("`{}` has no such column", mapped.table),
            found: listed(names()),
            hint: format!("{}{off}", suggestion(mapped.column, names())),
        });
    }
    Ok(())
}

/// Every key that names a column.
fn mapped(tables: &Tables) -> Vec<Mapped<'_>> {
    let Tables { jobs, units, spans } = tables;
    let of = |table, optional| move |(key, column)| Mapped { table, key, column, optional };
    let needed = |table| of(table, false);
    let mut all = vec![needed(jobs.table.as_str())(("tables.jobs.status", jobs.status.as_str()))];
    let of_units = [("tables.units.id", &units.id), ("tables.units.status", &units.status)];
    let keys = units.key.iter().map(|column| ("tables.units.key", column));
    let linked = spans.link.values().map(|column| ("tables.spans.link", column));
    let of_units = of_units.into_iter().chain(keys).chain(linked);
    all.extend(of_units.map(|(key, column)| (key, column.as_str())).map(needed(&units.table)));
    all.extend([("tables.units.outcome", units.outcome.as_str())].map(of(&units.table, true)));
    let of_spans = [
        ("tables.spans.trace", &spans.trace),
        ("tables.spans.id", &spans.id),
        ("tables.spans.operation", &spans.operation),
        ("tables.spans.started", &spans.started),
        ("tables.spans.completed", &spans.completed),
        ("tables.spans.status", &spans.status),
        ("tables.spans.unit", &spans.unit),
    ];
    let linked = spans.link.keys().map(|column| ("tables.spans.link", column));
    let of_spans = of_spans.into_iter().chain(linked);
    all.extend(of_spans.map(|(key, column)| (key, column.as_str())).map(needed(&spans.table)));
    let maybe = [
        ("tables.spans.parent", spans.parent.as_str()),
        ("tables.spans.service", spans.service.as_str()),
        ("tables.spans.duration", spans.duration.as_str()),
    ];
    all.extend(maybe.map(of(&spans.table, true)));
    all
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
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
        Schema::of(&columns, &path.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_table_is_looked_for_where_the_search_path_finds_it() {
        let tables = [("app", "jobs", "state"), ("public", "jobs", "status"), ("x", "hidden", "a")];
        let both = schema(&tables, &["app", "public"]);
        assert_eq!(both.table("k", "jobs").unwrap(), ["state"]);
        assert_eq!(both.table("k", "public.jobs").unwrap(), ["status"]);
        assert_eq!(both.table("k", "x.hidden").unwrap(), ["a"]);
        assert_eq!(
            both.table("k", "hidden").unwrap_err().to_string(),
            "`k` = `hidden`: the migrations make no such table; found: `jobs`"
        );
    }

    #[test]
    fn only_the_columns_that_may_be_missing_can_be_switched_off() {
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
             [spans]\ntrace = 't'\nid = 's'\nunit = 'unit'\nlink = {}\n\
             parent = ''\nservice = ''\nduration = ''",
        )
        .unwrap();
        agree(&found, &tables).unwrap();
        tables.spans.completed.clear();
        let error = agree(&found, &tables).unwrap_err().to_string();
        assert!(
            error.starts_with("`tables.spans.completed` = ``: `trace_spans` has no"),
            "{error}"
        );
    }
}
