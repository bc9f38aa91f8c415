//! Reads the columns of a table and their types, and builds the SQL that uses them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::reply::Reply;
use super::session::{Error, Session};
use crate::identifier;
use crate::json_path::JsonPath;
use crate::observation::Row;
use crate::timestamp::TimeUnit;

/// A table that the session can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// Table name as a quoted SQL identifier.
    pub(crate) name: String,
    /// SQL types by column name.
    columns: BTreeMap<String, String>,
    /// Whether row security hides rows of the table from the session's role.
    pub(crate) has_row_security: bool,
}

impl Table {
    /// Looks up a table. A name without a schema is looked up on the session's search path. Returns
    /// [`Reply::Refused`] if the table does not exist, or if the role can read none of its columns.
    pub(crate) async fn read(session: &mut Session, name: &str) -> Result<Reply<Self>, Error> {
        let name_in_sql = identifier::table(name);
        let sql =
            "select jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, null),
                          'readable', has_column_privilege(a.attrelid, a.attnum, 'select'),
                          'filtered', row_security_active(a.attrelid))
                   from pg_attribute a
                   where a.attrelid = to_regclass(($1::text[])[1]) and a.attnum > 0
                     and not a.attisdropped";
        let parameter = [name_in_sql.clone()];
        let found = session.rows(&format!("the table `{name}`"), sql, &[&parameter]).await?;
        let rows = match found {
            Reply::Accepted(rows) => rows,
            Reply::Refused(reason) => return Ok(Reply::Refused(reason)),
        };
        if rows.is_empty() {
            return Ok(Reply::Refused(not_found(session, name).await?));
        }
        if rows.iter().all(|row| row["readable"] == false) {
            return Ok(Reply::Refused(format!("permission denied for table {name}")));
        }
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        // As the target of a cast, `character` means one character.
        let sql_type = |row: &Row| match text(&row["type"]) {
            name if name == "character" => "bpchar".to_owned(),
            name => name,
        };
        let columns = rows.iter().map(|row| (text(&row["name"]), sql_type(row))).collect();
        let has_row_security = rows.iter().any(|row| row["filtered"] == true);
        Ok(Reply::Accepted(Self { name: name_in_sql, columns, has_row_security }))
    }

    /// Returns SQL for the row `r` of the table as JSON. With `r` alone, Postgres would take a column of this
    /// name. Values of `character(n)` are without their trailing spaces, which have no meaning in Postgres.
    pub(crate) fn row_as_json(&self) -> String {
        let padded = self.columns.iter().filter(|(_, sql_type)| *sql_type == "bpchar");
        let value = |(column, _): (&String, _)| {
            format!("{}, r.{}::text", identifier::literal(column), identifier::name(column))
        };
        let values: Vec<_> = padded.take(50).map(value).collect();
        match values.as_slice() {
            [] => "to_jsonb(r.*)".to_owned(),
            values => format!("to_jsonb(r.*) || jsonb_build_object({})", values.join(", ")),
        }
    }

    /// Whether the table has this column. If `column` is a path into JSON, whether the table has the JSON
    /// column.
    pub(crate) fn has_column(&self, column: &str) -> bool {
        self.column_type(column).is_some()
    }

    /// Returns the SQL type of a column; `None` if the column does not exist. The value of a path into JSON
    /// is a `text`.
    pub(crate) fn column_type(&self, column: &str) -> Option<&str> {
        self.column(column).map(|(_, sql_type)| sql_type)
    }

    /// Returns SQL for the value of a column or path; `None` if the column does not exist.
    pub(crate) fn value(&self, column: &str) -> Option<String> {
        self.column(column).map(|(sql, _)| sql)
    }

    /// Returns SQL for `order by` that sorts rows by a column in descending order; `None` if the
    /// column does not exist. Numbers at the end of a path are sorted as numbers.
    pub(crate) fn descending(&self, column: &str) -> Option<String> {
        let value = self.value(column)?;
        Some(match JsonPath::find(column) {
            None => format!("{value} desc"),
            Some(_) => format!(
                "case when {value} ~ '^-?[0-9]{{1,18}}$' then {value}::bigint end desc nulls last, {value} desc nulls last"
            ),
        })
    }

    /// Returns the condition `"column" = any($n)`; `None` if the column does not exist. The values
    /// are cast to the column's type, so that Postgres can use an index on the column.
    pub(crate) fn any_condition(&self, column: &str, parameter: usize) -> Option<String> {
        let (value, sql_type) = self.column(column)?;
        Some(format!("{value} = any(${parameter}::text[]::{sql_type}[])"))
    }

    /// Returns SQL for the id that several columns form: their values joined by `/`. `None` if a
    /// column does not exist. The SQL value is null if one of the values is null.
    pub(crate) fn joined(&self, columns: &[String]) -> Option<String> {
        let text = |column: &String| {
            Some(match self.column(column)? {
                (value, "bpchar") => format!("{value}::text"),
                (value, _) => format!("(to_jsonb({value}) #>> '{{}}')"),
            })
        };
        let texts: Option<Vec<_>> = columns.iter().map(text).collect();
        Some(format!("({})", texts?.join(" || '/' || ")))
    }

    /// Returns SQL for the value of a column or path, and the type of this value.
    fn column(&self, column: &str) -> Option<(String, &str)> {
        let sql_type = |column: &str| self.columns.get(column).map(String::as_str);
        match JsonPath::find(column) {
            Some(path) => Some((path.sql(sql_type(path.base())?), "text")),
            None => Some((identifier::name(column), sql_type(column)?)),
        }
    }

    /// Returns the condition that the time in a column is at or after `bound` (if `is_start`), or before
    /// `bound` (otherwise); `None` if the column does not exist. The flag is `true` if the condition contains
    /// `$parameter`, whose value must be the bound, and `false` if the condition contains the bound itself.
    pub(crate) fn time_condition(
        &self,
        column: &str,
        is_start: bool,
        bound: DateTime<Utc>,
        parameter: usize,
    ) -> Option<(String, bool)> {
        let (value, sql_type) = self.column(column)?;
        if self.has_numbers(column) {
            return Some((number_condition(&value, is_start, bound), false));
        }
        let comparison = if is_start { ">=" } else { "<" };
        let parameter = format!("((${parameter}::text[])[1])");
        let condition = match sql_type {
            _ if JsonPath::find(column).is_some() => format!(
                "case when {value} ~ '^[0-9.]+$' then {} else {value}::timestamptz {comparison} \
                 {parameter}::timestamptz end",
                number_condition(&format!("{value}::numeric"), is_start, bound)
            ),
            "timestamp without time zone" => {
                format!("{value} {comparison} {parameter}::timestamptz at time zone 'UTC'")
            }
            sql_type => format!("{value} {comparison} {parameter}::{sql_type}"),
        };
        Some((condition, true))
    }

    /// Whether the type of the column is a number. A time in such a column is a Unix time.
    pub(crate) fn has_numbers(&self, column: &str) -> bool {
        const NUMBERS: [&str; 6] =
            ["smallint", "integer", "bigint", "numeric", "real", "double precision"];
        JsonPath::find(column).is_none()
            && self.column_type(column).is_some_and(|sql_type| NUMBERS.contains(&sql_type))
    }

    /// Whether the column's type allows this value. For example, a `bigint` column can't contain a
    /// word.
    pub(crate) fn can_contain(&self, column: &str, value: &str) -> bool {
        match self.column_type(column) {
            None => false,
            Some("smallint") => value.parse::<i16>().is_ok(),
            Some("integer") => value.parse::<i32>().is_ok(),
            Some("bigint") => value.parse::<i64>().is_ok(),
            Some("uuid") => value.parse::<uuid::Uuid>().is_ok(),
            Some("numeric" | "real" | "double precision") => value.parse::<f64>().is_ok(),
            // Other types, such as domains, accept most values. If not, the server reports an error.
            Some(_) => true,
        }
    }

    /// Returns the column names, for error messages.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.keys().map(String::as_str)
    }
}

/// Returns the message about a table that does not exist. It names the schemas that have such a table, and
/// the search path, which lacks them.
async fn not_found(session: &mut Session, name: &str) -> Result<String, Error> {
    let missing = format!("relation \"{name}\" does not exist");
    let (None, plain) = identifier::parts(name) else { return Ok(missing) };
    let sql = "select jsonb_build_object('path', current_setting('search_path'),
                 'schemas', (select string_agg(format('`%s`', n.nspname), ', ' order by n.nspname)
                   from pg_class c join pg_namespace n on n.oid = c.relnamespace
                   where c.relname = ($1::text[])[1] and c.relkind in ('r', 'p', 'v', 'm', 'f')))";
    let found =
        session.rows("the schemas of a table", sql, &[std::slice::from_ref(&plain)]).await?;
    let found = found.accepted_or_default();
    let text = |key: &str| found.first().and_then(|row| row.get(key)?.as_str());
    let (Some(schemas), Some(path)) = (text("schemas"), text("path")) else { return Ok(missing) };
    Ok(format!(
        "{missing} on the search path `{path}`; it exists in {schemas}: name the schema in the spec, as in \
         `schema.{plain}`, or set the search path of the role"
    ))
}

/// Returns the condition that a Unix time is at or after `bound` (if `is_start`), or before `bound`
/// (otherwise). The Unix time may have any unit. Postgres can use an index on the number.
fn number_condition(value: &str, is_start: bool, bound: DateTime<Utc>) -> String {
    let nanos =
        i128::from(bound.timestamp()) * 1_000_000_000 + i128::from(bound.timestamp_subsec_nanos());
    let within = |unit: TimeUnit| {
        let at = nanos * i128::from(unit.per_second()) / 1_000_000_000;
        let (first, end) = unit.range();
        let (from, to) = if is_start { (at.max(first), end) } else { (first, at.min(end)) };
        format!("{value} >= {from} and {value} < {to}")
    };
    format!("({})", TimeUnit::ALL.map(within).join(" or "))
}

#[cfg(test)]
impl Table {
    /// Creates a table `t` from columns and their types.
    pub(super) fn with_columns<const N: usize>(columns: [(&str, &str); N]) -> Self {
        let columns = columns.map(|(name, sql)| (name.to_owned(), sql.to_owned())).into();
        Self { name: "\"t\"".into(), columns, has_row_security: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table::with_columns([
            ("id", "bigint"),
            ("at", "timestamp without time zone"),
            ("a\"b.c", "text"),
        ])
    }

    #[test]
    fn names_are_quoted_and_values_are_cast_to_the_type_of_the_column() {
        let table = table();
        assert_eq!(table.any_condition("id", 1).unwrap(), r#""id" = any($1::text[]::bigint[])"#);
        assert_eq!(
            table.any_condition("a\"b.c", 2).unwrap(),
            r#""a""b.c" = any($2::text[]::text[])"#
        );
        assert_eq!(table.any_condition("none", 1), None);
        let (at, _) = table.time_condition("at", true, DateTime::UNIX_EPOCH, 3).unwrap();
        assert_eq!(at, r#""at" >= (($3::text[])[1])::timestamptz at time zone 'UTC'"#);
    }

    #[test]
    fn a_number_column_cannot_contain_a_word() {
        let table = table();
        assert!(table.can_contain("id", "469") && !table.can_contain("id", "bias-1"));
        assert!(table.can_contain("a\"b.c", "bias-1") && !table.can_contain("none", "1"));
    }
}
