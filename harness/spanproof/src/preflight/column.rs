//! The columns of the trial span, each with a value of its type. The trial span is a span that
//! `preflight` (the command that checks whether a deployment can record spans) inserts into the span
//! table and rolls back.

use crate::identifier;
use crate::json_path::{JsonPath, base};
use uuid::Uuid;

use super::row::text;
use crate::deployment::{Error, Session};
use crate::observation::Row;
use crate::spec::Spec;

/// Selects the columns of a table, each as a JSON object. `base`: the type; for a domain, its base type.
/// `kind`: the category of this type in `pg_type`. `width`: the `n` of `varchar(n)`. `fixed`: no insert can
/// set the column. `needed`: every insert must set the column. `refers`: the column has a foreign key.
/// `first`: the first label of the column's enum type.
const COLUMNS: &str = "select jsonb_build_object('name', a.attname,
          'type', format('%I.%I', n.nspname, t.typname), 'base', b.typname, 'kind', b.typcategory,
          'width', greatest(a.atttypmod - 4, 0),
          'fixed', a.attidentity = 'a' or a.attgenerated <> '',
          'needed', a.attnotnull and not a.atthasdef and a.attidentity = '' and a.attgenerated = '',
          'refers', exists (select from pg_constraint k where k.conrelid = a.attrelid
                            and k.contype = 'f' and a.attnum = any(k.conkey)),
          'first', (select e.enumlabel from pg_enum e where e.enumtypid = b.oid
                    order by e.enumsortorder limit 1))
       from pg_attribute a join pg_type t on t.oid = a.atttypid
       join pg_namespace n on n.oid = t.typnamespace
       join pg_type b on b.oid = case t.typtype when 'd' then t.typbasetype else t.oid end
       where a.attrelid = to_regclass(($1::text[])[1]) and a.attnum > 0 and not a.attisdropped
       order by a.attnum";

/// A column of the span table, with the value that the trial insert writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// Column name.
    pub(super) name: String,
    /// The column's type with its schema, as SQL.
    sql_type: String,
    /// The value, as text.
    pub(super) value: String,
    /// Whether the trial insert sets this column.
    pub(super) is_inserted: bool,
}

impl Column {
    /// Returns the column's name as SQL.
    pub(super) fn quoted(&self) -> String {
        identifier::name(&self.name)
    }

    /// Returns SQL for the parameter at an index, cast to the column's type without its width. A
    /// cast with the width would shorten a value that is too long, and the insert would work. Without it, the
    /// server refuses the value, as it does when the service sends it.
    pub(super) fn parameter(&self, index: usize) -> String {
        format!("(($1::text[])[{index}])::{}", self.sql_type)
    }
}

/// Returns the columns that the spec names, and all other columns that every insert must set. `unit`
/// is the row of the unit of work to which the trial span refers; `None` if there is no such row.
pub(super) async fn columns(
    session: &mut Session,
    spec: &Spec,
    unit: Option<&Row>,
) -> Result<Vec<Column>, Error> {
    let spans = &spec.tables.spans;
    let rows = session
        .rows("the columns of a span", COLUMNS, &[&[identifier::table(&spans.table)]])
        .await?;
    let mapped: Vec<_> = spans.columns().into_iter().map(base).collect();
    let documents = bases(&spans.columns());
    let set_at_end = [&spans.completed, &spans.duration, &spans.error];
    let column = |row: &Row| {
        let is = |name: &str| row.get(name) == Some(&true.into());
        let name = text(row, "name");
        let is_mapped = mapped.contains(&name);
        if !is_mapped && !is("needed") {
            return None;
        }
        let unit_value = unit_column(spec, &name).and_then(|column| unit?.get(column));
        let unit_value = unit_value.filter(|value| !value.is_null());
        // The trial span is a root span, so its parent stays null. Without a unit, there may be no row to
        // refer to, so a column with a foreign key stays null, too, if it may be null.
        let is_left_out = name == spans.parent || is("refers") && unit_value.is_none();
        let is_later = set_at_end.contains(&&name) && (!spans.only_ended() || name == spans.error);
        let is_set_at_start = !is_later && !is_left_out;
        let value = match unit_value {
            Some(value) => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            None if documents.contains(&name) => "{}".to_owned(),
            None => spec_value(spec, &name).unwrap_or_else(|| placeholder(row, name == spans.id)),
        };
        let is_inserted = !is("fixed") && (is_set_at_start || is("needed"));
        Some(Column { name, sql_type: text(row, "type"), value, is_inserted })
    };
    Ok(rows.accepted_or_default().iter().filter_map(column).collect())
}

/// Returns the JSON columns of the paths among `columns`, such as `data` for `data->>'id'`.
fn bases(columns: &[&str]) -> Vec<String> {
    let paths = columns.iter().filter_map(|column| JsonPath::find(column));
    paths.map(|path| path.base().to_owned()).collect()
}

/// Returns the column of units that must have the same value as a column of spans (`name`); `None` if there
/// is no such column.
fn unit_column<'a>(spec: &'a Spec, name: &str) -> Option<&'a str> {
    let spans = &spec.tables.spans;
    match name {
        name if *name == spans.status => None,
        name => {
            let parts = spans.unit.columns().iter().zip(spec.tables.units.id.columns());
            let part = parts.into_iter().find(|(part, _)| *part == name).map(|(_, id)| id);
            part.or_else(|| spans.attributes.get(name)).map(String::as_str)
        }
    }
}

/// Returns the value that the service writes into a column when a span starts; `None` if the spec
/// does not define this value.
fn spec_value(spec: &Spec, name: &str) -> Option<String> {
    let spans = &spec.tables.spans;
    let unit_span = || spec.unit_spans().next().map_or("spanproof preflight", |rule| &rule.name);
    match name {
        name if *name == spans.service => Some(spec.service.name.clone()),
        name if *name == spans.name => Some(unit_span().to_owned()),
        name if *name == spans.status => {
            Some(spans.not_ended.first().cloned().unwrap_or_else(|| "started".into()))
        }
        _ => None,
    }
}

/// Returns a value that the column's type allows. For the span's id, the value is unique.
fn placeholder(row: &Row, is_id: bool) -> String {
    let random = Uuid::new_v4();
    let width = text(row, "width").parse().ok().filter(|width: &usize| *width > 0);
    let cut = |text: String| text.chars().take(width.unwrap_or(200)).collect();
    match (text(row, "base").as_str(), text(row, "kind").as_str()) {
        ("uuid", _) => random.to_string(),
        ("json" | "jsonb", _) | (_, "A") => "{}".into(),
        ("bytea", _) => String::new(),
        (_, "N") if is_id => format!("-{}", random.as_u128() & 0x7fff),
        (_, "N" | "T") => "0".into(),
        (_, "B") => "false".into(),
        (_, "D") => "now".into(),
        (_, "I") => "127.0.0.1".into(),
        (_, "R") => "empty".into(),
        (_, "E") => text(row, "first"),
        _ if is_id => cut(random.simple().to_string()),
        _ => cut("spanproof preflight".into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_column_of_any_type_has_a_placeholder() {
        for (base, kind, width, expected) in [
            ("jsonb", "U", 0, "{}"),
            ("_int4", "A", 0, "{}"),
            ("bytea", "U", 0, ""),
            ("int8", "N", 0, "0"),
            ("interval", "T", 0, "0"),
            ("bool", "B", 0, "false"),
            ("timestamptz", "D", 0, "now"),
            ("inet", "I", 0, "127.0.0.1"),
            ("int4range", "R", 0, "empty"),
            ("status", "E", 0, "a"),
            ("text", "S", 0, "spanproof preflight"),
            ("varchar", "S", 4, "span"),
        ] {
            let row = json!({"base": base, "kind": kind, "width": width, "first": "a"});
            assert_eq!(placeholder(row.as_object().unwrap(), false), expected, "{base}");
        }
    }

    #[test]
    fn placeholders_of_ids_are_unique() {
        let row = |base, kind, width| json!({"base": base, "kind": kind, "width": width});
        for (row, length) in [(row("uuid", "U", 0), 36), (row("varchar", "S", 16), 16)] {
            let row = row.as_object().unwrap();
            let [one, other] = [placeholder(row, true), placeholder(row, true)];
            assert!(one != other && one.len() == length, "{one} {other}");
        }
        let row = row("int2", "N", 0);
        assert!(placeholder(row.as_object().unwrap(), true).parse::<i16>().unwrap() <= 0);
    }
}
