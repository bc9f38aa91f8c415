//! The columns of the span that is tried, each with a value of its own type.

use crate::identifier;
use uuid::Uuid;

use super::row::text;
use crate::deployment::{Error, Session};
use crate::observation::Row;
use crate::spec::Spec;

const SQL: &str = "select jsonb_build_object('name', a.attname,
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

/// A column, with what is written into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// Its name.
    pub(super) name: String,
    /// Its type's full name, as SQL.
    sql_type: String,
    /// What is written, as text.
    pub(super) value: String,
    /// Whether it is written when the span starts.
    pub(super) inserted: bool,
}

impl Column {
    /// Its name, as SQL.
    pub(super) fn quoted(&self) -> String {
        identifier::name(&self.name)
    }

    /// The value at a place of the parameter, as its type. No width is named: a cast to one would
    /// cut what the service's own insert is refused for.
    pub(super) fn parameter(&self, at: usize) -> String {
        format!("(($1::text[])[{at}])::{}", self.sql_type)
    }
}

/// The columns that a span is started and completed with, and those that can't do without a value.
pub(super) async fn columns(
    session: &mut Session,
    spec: &Spec,
    unit: Option<&Row>,
) -> Result<Vec<Column>, Error> {
    let spans = &spec.tables.spans;
    let rows =
        session.rows("the columns of a span", SQL, &[&[identifier::table(&spans.table)]]).await?;
    let mapped = spans.columns();
    let later = [&spans.completed, &spans.duration, &spans.error];
    let column = |row: &Row| {
        let is = |name: &str| row.get(name) == Some(&true.into());
        let name = text(row, "name");
        let known = mapped.contains(&name.as_str());
        if !known && !is("needed") {
            return None;
        }
        let linked = unit_column(spec, &name).and_then(|column| unit?.get(column));
        let linked = linked.filter(|value| !value.is_null());
        // A root has no parent, and what refers to nothing that is there is left out where it may be.
        let left_out = name == spans.parent || is("refers") && linked.is_none();
        let starts = !later.contains(&&name) && !left_out;
        let value = match linked {
            Some(value) => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            None => spec_value(spec, &name).unwrap_or_else(|| placeholder(row, name == spans.id)),
        };
        let inserted = !is("fixed") && (starts || is("needed"));
        Some(Column { name, sql_type: text(row, "type"), value, inserted })
    };
    Ok(rows.accepted_or_default().iter().filter_map(column).collect())
}

/// The column of the unit that a column of a span repeats; `None` if it repeats none.
fn unit_column<'a>(spec: &'a Spec, name: &str) -> Option<&'a str> {
    let spans = &spec.tables.spans;
    match name {
        name if *name == spans.status => None,
        name if *name == spans.unit => Some(&spec.tables.units.id),
        name => spans.link.get(name).map(String::as_str),
    }
}

/// The value that the service would write; `None` if the spec does not say.
fn spec_value(spec: &Spec, name: &str) -> Option<String> {
    let spans = &spec.tables.spans;
    let unit = || spec.unit_span().map_or("spanproof preflight", |rule| &rule.operation);
    match name {
        name if *name == spans.service => Some(spec.service.name.clone()),
        name if *name == spans.operation => Some(unit().to_owned()),
        name if *name == spans.status => {
            Some(spans.open.first().cloned().unwrap_or_else(|| "started".into()))
        }
        _ => None,
    }
}

/// A value of the column's type; one that nobody has where spans are known by it.
fn placeholder(row: &Row, id: bool) -> String {
    let random = Uuid::new_v4();
    let width = text(row, "width").parse().ok().filter(|width: &usize| *width > 0);
    let cut = |words: String| words.chars().take(width.unwrap_or(200)).collect();
    match (text(row, "base").as_str(), text(row, "kind").as_str()) {
        ("uuid", _) => random.to_string(),
        ("json" | "jsonb", _) | (_, "A") => "{}".into(),
        ("bytea", _) => String::new(),
        (_, "N") if id => format!("-{}", random.as_u128() & 0x7fff),
        (_, "N" | "T") => "0".into(),
        (_, "B") => "false".into(),
        (_, "D") => "now".into(),
        (_, "I") => "127.0.0.1".into(),
        (_, "R") => "empty".into(),
        (_, "E") => text(row, "first"),
        _ if id => cut(random.simple().to_string()),
        _ => cut("spanproof preflight".into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_column_has_a_value() {
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
    fn an_id_is_nobody_elses() {
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
