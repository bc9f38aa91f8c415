//! Which columns a table has, and of which types.

use crate::identifier;
use std::collections::BTreeMap;

use super::reply::Reply;
use super::session::{Error, Session};

/// A table as the session sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// Its name as an SQL identifier.
    pub(crate) name: String,
    /// Its columns with their types, as SQL spells them.
    columns: BTreeMap<String, String>,
}

impl Table {
    /// Looks a table up, by the session's own search path where its name has no schema.
    pub(crate) async fn read(session: &mut Session, name: &str) -> Result<Reply<Self>, Error> {
        let name_in_sql = identifier::table(name);
        let sql =
            "select jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, null),
                          'readable', has_column_privilege(a.attrelid, a.attnum, 'select'))
                   from pg_attribute a
                   where a.attrelid = to_regclass(($1::text[])[1]) and a.attnum > 0
                     and not a.attisdropped";
        let asked = [name_in_sql.clone()];
        let found = session.rows(&format!("the table `{name}`"), sql, &[&asked]).await?;
        let rows = match found {
            Reply::Accepted(rows) => rows,
            Reply::Refused(reason) => return Ok(Reply::Refused(reason)),
        };
        if rows.is_empty() {
            return Ok(Reply::Refused(format!("relation \"{name}\" does not exist")));
        }
        if rows.iter().all(|row| row["readable"] == false) {
            return Ok(Reply::Refused(format!("permission denied for table {name}")));
        }
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let columns = rows.iter().map(|row| (text(&row["name"]), text(&row["type"]))).collect();
        Ok(Reply::Accepted(Self { name: name_in_sql, columns }))
    }

    /// Whether it has the column.
    pub(crate) fn has(&self, column: &str) -> bool {
        !column.is_empty() && self.columns.contains_key(column)
    }

    /// The type of a column, as SQL spells it; `None` if there is no such column.
    pub(crate) fn kind(&self, column: &str) -> Option<&str> {
        self.columns.get(column).map(String::as_str)
    }

    /// `"column" = any($n)`, with the values taken as the column's own type, so that its index is
    /// used. `None` if there is no such column.
    pub(crate) fn is_any(&self, column: &str, parameter: usize) -> Option<String> {
        let of = self.columns.get(column)?;
        Some(format!("{} = any(${parameter}::text[]::{of}[])", identifier::name(column)))
    }

    /// `"column" <comparison> $n`, for a parameter with one value. `None` if there is no such
    /// column.
    pub(crate) fn compares(
        &self,
        column: &str,
        comparison: &str,
        parameter: usize,
    ) -> Option<String> {
        let of = self.columns.get(column)?;
        let zone =
            if of == "timestamp without time zone" { "timestamptz at time zone 'UTC'" } else { of };
        Some(format!(
            "{} {comparison} ((${parameter}::text[])[1])::{zone}",
            identifier::name(column)
        ))
    }

    /// Whether a text can be a value of the column: a word is no number.
    pub(crate) fn may_hold(&self, column: &str, value: &str) -> bool {
        match self.columns.get(column).map(String::as_str) {
            None => false,
            Some("smallint") => value.parse::<i16>().is_ok(),
            Some("integer") => value.parse::<i32>().is_ok(),
            Some("bigint") => value.parse::<i64>().is_ok(),
            Some("uuid") => value.parse::<uuid::Uuid>().is_ok(),
            Some(other) => other == "text" || other.starts_with("character"),
        }
    }

    /// The column names, for an error.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.keys().map(String::as_str)
    }
}

#[cfg(test)]
impl Table {
    /// A table `t` with these columns, each with its type.
    pub(super) fn with_columns<const N: usize>(columns: [(&str, &str); N]) -> Self {
        let columns = columns.map(|(name, of)| (name.to_owned(), of.to_owned())).into();
        Self { name: "\"t\"".into(), columns }
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
    fn names_are_quoted_and_values_have_the_columns_type() {
        let table = table();
        assert_eq!(table.is_any("id", 1).unwrap(), r#""id" = any($1::text[]::bigint[])"#);
        assert_eq!(table.is_any("a\"b.c", 2).unwrap(), r#""a""b.c" = any($2::text[]::text[])"#);
        assert_eq!(table.is_any("none", 1), None);
        let at = table.compares("at", ">=", 3).unwrap();
        assert_eq!(at, r#""at" >= (($3::text[])[1])::timestamptz at time zone 'UTC'"#);
    }

    #[test]
    fn a_word_is_no_number() {
        let table = table();
        assert!(table.may_hold("id", "469") && !table.may_hold("id", "bias-1"));
        assert!(table.may_hold("a\"b.c", "bias-1") && !table.may_hold("none", "1"));
    }
}
