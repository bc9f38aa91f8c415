//! Reads the tables, views, functions and indexes of a database from its catalogue.

use std::collections::BTreeMap;

use super::row::text;
use crate::deployment::{Error, Reply, Session};
use crate::identifier::TableName;
use crate::observation::Row;

/// Selects tables and views, each with its columns. Leaves out the objects of extensions, partitions (they
/// come and go with time), and the table in which sqlx records the applied migrations.
const RELATIONS: &str = "select jsonb_build_object('schema', n.nspname, 'name', c.relname,
          'visible', pg_table_is_visible(c.oid),
          'kind', case when c.relkind in ('v', 'm') then 'view' else 'table' end,
          'columns', (select jsonb_agg(a.attname order by a.attnum) from pg_attribute a
                      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped))
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
         and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
         and c.relname <> '_sqlx_migrations'
         and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass
                         and d.objid = c.oid and d.deptype = 'e')";

/// The types of the parameters of a function `p`, as text.
pub(super) const PARAMETERS: &str = "coalesce((select string_agg(t.typname, ', ' order by u.at)
          from unnest(p.proargtypes) with ordinality u(oid, at)
          join pg_type t on t.oid = u.oid), '')";

/// Selects functions and procedures, each with the types of its parameters.
const FUNCTIONS: &str = "select jsonb_build_object('schema', n.nspname, 'name', p.proname,
          'visible', pg_function_is_visible(p.oid), 'kind', 'function', 'parameters', PARAMETERS)
       from pg_proc p join pg_namespace n on n.oid = p.pronamespace
       where n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
         and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass
                         and d.objid = p.oid and d.deptype = 'e')";

/// Selects the indexes of one table. `definition` is the part of `CREATE INDEX` that begins with the method,
/// such as `btree (id)`.
const INDEXES: &str = "select jsonb_build_object('name', i.relname, 'unique', x.indisunique,
          'valid', x.indisvalid,
          'definition', substring(pg_get_indexdef(x.indexrelid) from ' USING (.*)$'))
       from pg_index x join pg_class i on i.oid = x.indexrelid
       where x.indrelid = to_regclass(($1::text[])[1]) order by i.relname";

/// The name of a table, view or function, without its schema if the search path finds the object.
pub(super) type Name = String;

/// The tables, views and functions of a database.
#[derive(Debug, Default)]
pub(super) struct Declared {
    /// The columns of each table, by name.
    pub(super) tables: BTreeMap<Name, Vec<String>>,
    /// The names of the views.
    pub(super) views: Vec<Name>,
    /// The name of each function, with the types of its parameters.
    pub(super) functions: Vec<(Name, String)>,
    /// The indexes of each table, by the name of the table.
    pub(super) indexes: BTreeMap<Name, Vec<Index>>,
}

/// An index of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) name: String,
    pub(super) unique: bool,
    pub(super) valid: bool,
    /// The method, the columns and the condition, such as `btree (id)`.
    pub(super) definition: String,
}

impl Declared {
    /// Reads the catalogue of a database.
    ///
    /// # Errors
    /// If the connection is lost.
    pub(super) async fn read(session: &mut Session) -> Result<Reply<Self>, Error> {
        let mut declared = Self::default();
        for sql in [RELATIONS.to_owned(), FUNCTIONS.replace("PARAMETERS", PARAMETERS)] {
            let rows = match session.rows("the catalogue", &sql, &[]).await? {
                Reply::Accepted(rows) => rows,
                Reply::Refused(why) => return Ok(Reply::Refused(why)),
            };
            for row in &rows {
                declared.add(row);
            }
        }
        declared.functions.sort();
        for name in declared.tables.keys() {
            let found = indexes(session, name).await?.accepted_or_default();
            declared.indexes.insert(name.clone(), found);
        }
        Ok(Reply::Accepted(declared))
    }

    /// Adds a row of [`RELATIONS`] or [`FUNCTIONS`].
    fn add(&mut self, row: &Row) {
        let is_visible = row.get("visible") == Some(&true.into());
        let schema = (!is_visible).then(|| text(row, "schema"));
        let name = TableName { schema, name: text(row, "name") }.to_string();
        match text(row, "kind").as_str() {
            "table" => {
                let columns = row.get("columns").and_then(serde_json::Value::as_array);
                let columns = columns.into_iter().flatten().filter_map(|name| name.as_str());
                self.tables.insert(name, columns.map(str::to_owned).collect());
            }
            "view" => self.views.push(name),
            _ => self.functions.push((name, text(row, "parameters"))),
        }
    }

    /// Returns the numbers of functions, indexes, tables and views, for a message.
    pub(super) fn counts(&self) -> String {
        let indexes: usize = self.indexes.values().map(Vec::len).sum();
        let counts = [
            ("functions", self.functions.len()),
            ("indexes", indexes),
            ("tables", self.tables.len()),
            ("views", self.views.len()),
        ];
        let counts = counts.iter().filter(|(_, count)| *count > 0);
        counts.map(|(kind, count)| format!("{kind}: {count}")).collect::<Vec<_>>().join(", ")
    }

    /// Whether the database has no table, view or function.
    pub(super) fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.views.is_empty() && self.functions.is_empty()
    }
}

/// Returns the indexes of a table.
///
/// # Errors
/// If the connection is lost.
pub(super) async fn indexes(
    session: &mut Session,
    table: &str,
) -> Result<Reply<Vec<Index>>, Error> {
    let name = crate::identifier::table(table);
    let rows = session.rows("the indexes", INDEXES, &[&[name]]).await?;
    let is = |row: &Row, name: &str| row.get(name) == Some(&true.into());
    let index = |row: &Row| Index {
        name: text(row, "name"),
        unique: is(row, "unique"),
        valid: is(row, "valid"),
        definition: text(row, "definition"),
    };
    Ok(rows.map(|rows| rows.iter().map(index).collect()))
}
