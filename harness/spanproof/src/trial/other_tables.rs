//! Finds spans that the service wrote into a table other than the span table of the spec.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, PgConnection};

use super::Error;
use crate::identifier::{self, TableName};
use crate::json_path::{JsonPath, base};
use crate::spec::Tables;

/// Selects the tables other than the span table that could contain spans, with the type of their span id
/// column: tables of the same name in another schema, and tables with every column that the spec names for
/// the span table. Partitions are left out, because a query of the partitioned table reads their rows.
const CANDIDATES: &str = r"
with recursive own as (
    select to_regclass($1)::oid as oid
    union select i.inhrelid from pg_inherits i join own on i.inhparent = own.oid
)
select n.nspname::text, c.relname::text, (
    select format_type(atttypid, null) from pg_attribute
    where attrelid = c.oid and attname = $3 and not attisdropped)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and has_table_privilege(c.oid, 'select')
    and n.nspname <> 'information_schema' and n.nspname !~ '^(pg|spanproof)_'
    and c.oid not in (select oid from own where oid is not null)
    and (c.relname = $2 or $4 <@ array(
        select attname::text from pg_attribute
        where attrelid = c.oid and attnum > 0 and not attisdropped))
order by 1, 2";

/// Selects the type of the span table's id column; no row if the table or the column is missing.
const ID_TYPE: &str = "select format_type(atttypid, null) from pg_attribute \
    where attrelid = to_regclass($1) and attname = $2 and not attisdropped";

/// For each other table that could contain spans, the number of its rows whose span id is not in the span
/// table; or of all its rows, if one of the two tables has no column of span ids.
#[derive(Debug, Default)]
pub(super) struct OtherRows(BTreeMap<TableName, u64>);

impl OtherRows {
    /// Counts the rows in the trial's database.
    pub(super) async fn count(
        connection: &mut PgConnection,
        tables: &Tables,
    ) -> Result<Self, Error> {
        Self::count_except(connection, tables, Some(&tables.spans.table)).await
    }

    /// Counts the rows in another database, where no table is the span table.
    pub(super) async fn count_in_other(
        connection: &mut PgConnection,
        tables: &Tables,
    ) -> Result<Self, Error> {
        Self::count_except(connection, tables, None).await
    }

    /// Counts the rows in tables other than the span table `own`; `None` if the database has no span table.
    async fn count_except(
        connection: &mut PgConnection,
        tables: &Tables,
        own: Option<&str>,
    ) -> Result<Self, Error> {
        let spans = &tables.spans;
        let failed = |error: sqlx::Error| Error::Database(error.into());
        let (_, name) = identifier::parts(&spans.table);
        let candidates: Vec<(String, String, Option<String>)> = sqlx::query_as(CANDIDATES)
            .bind(own.map(identifier::table))
            .bind(&name)
            .bind(base(&spans.id))
            .bind(columns(tables))
            .fetch_all(&mut *connection)
            .await
            .map_err(failed)?;
        if candidates.is_empty() {
            return Ok(Self::default());
        }
        let id_type: Option<String> = sqlx::query_scalar(ID_TYPE)
            .bind(own.map(identifier::table))
            .bind(base(&spans.id))
            .fetch_optional(&mut *connection)
            .await
            .map_err(failed)?;
        let own_ids =
            id_type.map(|id_type| ids(&identifier::table(&spans.table), &spans.id, &id_type));
        let mut counts = BTreeMap::new();
        for (schema, name, id_type) in candidates {
            let table = TableName { schema: Some(schema), name };
            let sql = match (&own_ids, id_type) {
                (Some(own_ids), Some(id_type)) => format!(
                    "select count(*) from {} as other where id is null or id not in \
                     (select id from {own_ids} as own where id is not null)",
                    ids(&table.sql(), &spans.id, &id_type)
                ),
                _ => format!("select count(*) from {}", table.sql()),
            };
            let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
                .fetch_one(&mut *connection)
                .await
                .map_err(failed)?;
            counts.insert(table, rows.unsigned_abs());
        }
        Ok(Self(counts))
    }

    /// Returns the tables that have more rows than before, each with the number of new rows.
    pub(super) fn since(self, before: &Self) -> Vec<(String, u64)> {
        let added = self.0.into_iter().map(|(table, rows)| {
            let old = before.0.get(&table).copied().unwrap_or_default();
            (table.to_string(), rows.saturating_sub(old))
        });
        added.filter(|(_, rows)| *rows > 0).collect()
    }
}

/// Returns the columns that a table must have to contain spans.
fn columns(tables: &Tables) -> Vec<String> {
    let spans = &tables.spans;
    let named = [
        &spans.trace,
        &spans.id,
        &spans.parent,
        &spans.name,
        &spans.service,
        &spans.started,
        &spans.completed,
        &spans.duration,
        &spans.status,
    ];
    let all = named.into_iter().chain(spans.unit.columns());
    all.filter(|column| !column.is_empty()).map(|column| base(column)).collect()
}

/// Returns a subquery for the span ids of a table, as text.
fn ids(table: &str, id: &str, id_type: &str) -> String {
    let sql = match JsonPath::find(id) {
        Some(path) => path.sql(id_type),
        None => identifier::name(id),
    };
    format!("(select ({sql})::text as id from {table})")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use sqlx::{Connection, Executor};

    use super::*;
    use spanproof_postgres::{Options, Server};

    const SPANS: &str = "create table spans (t int, s int, p int, n text, u int); \
        insert into spans values (1, 1, 0, 'a', 1)";

    /// `before` is SQL that runs before the service starts, and `service` is SQL that the service runs.
    #[rstest]
    #[case::schema(
        "create schema tenant; create table tenant.spans (like spans)",
        "insert into tenant.spans values (1, 2, 0, 'a', 1)", &["tenant.spans: 1"]
    )]
    #[case::same_name_and_other_columns(
        "create schema tenant; create table tenant.spans (x int)",
        "insert into tenant.spans values (1), (2)", &["tenant.spans: 2"]
    )]
    #[case::other_name(
        "create table old (like spans, x int)",
        "insert into old values (1, 2, 0, 'a', 1, 4), (1, 3, 0, 'a', 1, 4)", &["public.old: 2"]
    )]
    #[case::created_by_the_service(
        "select 1", "create table copies as select t, s + 1 as s, p, n, u from spans", &["public.copies: 1"]
    )]
    #[case::partitions(
        "create table old (like spans) partition by list (u); \
         create table old_1 partition of old for values in (1)",
        "insert into old values (1, 2, 0, 'a', 1)", &["public.old: 1"]
    )]
    #[case::copies("create table old (like spans)", "insert into old select * from spans", &[])]
    #[case::old_rows(
        "create table old (like spans); insert into old values (1, 2, 0, 'a', 1)", "select 1", &[]
    )]
    #[case::fewer_columns(
        "create table notes (t int, s int, n text)", "insert into notes values (1, 2, 'a')", &[]
    )]
    #[case::child(
        "create table child () inherits (spans)", "insert into child values (1, 2, 0, 'a', 1)", &[]
    )]
    #[case::without_a_table_of_spans(
        "create table old (like spans)",
        "insert into old select * from spans; drop table spans", &["public.old: 1"]
    )]
    #[tokio::test]
    async fn other_tables_that_get_spans_are_found(
        #[case] before: &str,
        #[case] service: &str,
        #[case] expected: &[&str],
    ) {
        let server = Server::join(Options::default()).await.unwrap();
        let database = server.empty_database().await.unwrap();
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        let tables: Tables = toml::from_str(
            "[spans]\ntable = 'spans'\ntrace = 't'\nid = 's'\nparent = 'p'\nname = 'n'\nunit = 'u'\n\
             service = ''\nduration = ''\nstarted = 't'\ncompleted = 't'\nstatus = 't'",
        )
        .unwrap();
        let setup = format!("{SPANS}; {before}");
        connection.execute(sqlx::raw_sql(AssertSqlSafe(setup))).await.unwrap();
        let old = OtherRows::count(&mut connection, &tables).await.unwrap();
        let service = sqlx::raw_sql(AssertSqlSafe(service.to_owned()));
        connection.execute(service).await.unwrap();
        let found = OtherRows::count(&mut connection, &tables).await.unwrap().since(&old);
        let found: Vec<_> = found.iter().map(|(table, rows)| format!("{table}: {rows}")).collect();
        assert_eq!(found, expected);
        connection.close().await.unwrap();
        database.close().await.unwrap();
    }
}
