//! The tables: where they are, and which columns they have.

use crate::identifier;
use std::collections::BTreeMap;

use spanproof_format::Check;

use super::check::Topic;
use super::row::text;
use super::{index, privilege};
use crate::deployment::catalog::Table;
use crate::deployment::{Error, Reply, Session};
use crate::observation::Row;
use crate::spec::Spec;

/// Everything about the tables of the spec.
pub(super) async fn tables(session: &mut Session, spec: &Spec) -> Result<Vec<Check>, Error> {
    let tables = &spec.tables;
    let mut checks = Vec::new();
    for name in [&tables.jobs.table, &tables.units.table] {
        checks.push(work_table(session, name).await?);
    }
    let name = &tables.spans.table;
    let topic = topic(name);
    let location = match location(session, name).await? {
        Reply::Accepted(location) => location,
        Reply::Refused(why) => {
            checks.push(topic.untried(why, "let the role read the catalog"));
            return Ok(checks);
        }
    };
    let Some(schema) = location.own else {
        let next = "apply the migrations to this database, or let the role use the schema and name it on its search path";
        let path = location.path;
        let others =
            others_text(&location.others).map_or(String::new(), |others| format!("; {others}"));
        checks.push(topic.failed(format!("there is none on the search path {path}{others}"), next));
        return Ok(checks);
    };
    checks.push(match others_text(&location.others) {
        None => topic.passed(format!("it is in the schema `{schema}`, and in no other")),
        Some(others) => {
            let next =
                "name the schema where spans are written, so that they can't land in the other";
            topic.advice(format!("it is in the schema `{schema}`; {others} too"), next)
        }
    });
    checks.push(columns(session, spec).await?);
    checks.extend(widths(session, spec).await?);
    checks.extend(index::indexes(session, spec).await?);
    checks.push(privilege::privileges(session, spec).await?);
    checks.push(index::size(session, spec).await?);
    Ok(checks)
}

fn topic(name: &str) -> Topic {
    Topic::new(format!("table {name}"), "looked up by the role's search path, and in every schema")
}

/// A table of work, which spans are compared with.
async fn work_table(session: &mut Session, name: &str) -> Result<Check, Error> {
    let topic = topic(name);
    let next = "spans can be recorded without it, and not be compared with the work they are of";
    if let Reply::Refused(why) = Table::read(session, name).await? {
        return Ok(topic.advice(why, next));
    }
    Ok(match location(session, name).await? {
        Reply::Refused(why) => topic.untried(why, ""),
        Reply::Accepted(Location { own: Some(schema), others, .. }) => match others_text(&others) {
            None => topic.passed(format!("it is in the schema `{schema}`, and can be read")),
            Some(others) => {
                let found = format!("it is in the schema `{schema}`; {others} too");
                topic.advice(found, "name the schema, so that the right one is compared with")
            }
        },
        Reply::Accepted(Location { path, .. }) => {
            topic.advice(format!("there is none on the search path {path}"), next)
        }
    })
}

fn others_text(schemas: &[String]) -> Option<String> {
    let named: Vec<_> = schemas.iter().map(|schema| format!("`{schema}`")).collect();
    let has = if named.len() == 1 { "has" } else { "have" };
    (!named.is_empty()).then(|| format!("{} {has} one of that name", named.join(", ")))
}

/// Where tables of one name are.
struct Location {
    /// The search path they are looked for on.
    path: String,
    /// The schema of the one that is found.
    own: Option<String>,
    /// The schemas of those that are not.
    others: Vec<String>,
}

async fn location(session: &mut Session, name: &str) -> Result<Reply<Location>, Error> {
    let sql = "select jsonb_build_object('schema', n.nspname, 'own',
                  case ($1::text[])[1] when '' then pg_table_is_visible(c.oid)
                  else n.nspname = ($1::text[])[1] and has_schema_privilege(n.oid, 'usage') end)
               from pg_class c join pg_namespace n on n.oid = c.relnamespace
               where c.relname = ($1::text[])[2] and c.relkind in ('r', 'p', 'v', 'm', 'f')
                 and n.nspname not like 'pg\\_%' order by n.nspname limit 50";
    let (schema, plain) = name.rsplit_once('.').unwrap_or(("", name));
    let asked = [schema.to_owned(), plain.to_owned()];
    let rows = match session.rows("the tables of that name", sql, &[&asked]).await? {
        Reply::Accepted(rows) => rows,
        Reply::Refused(why) => return Ok(Reply::Refused(why)),
    };
    let path = "select to_jsonb(current_setting('search_path'))";
    let path = session.values("the search path", path, &[]).await?.accepted_or_default();
    let path = path.first().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let (own, others): (Vec<&Row>, Vec<&Row>) =
        rows.iter().partition(|row| row.get("own") == Some(&true.into()));
    let schema = |row: &&Row| text(row, "schema");
    let others = others.iter().map(schema).collect();
    Ok(Reply::Accepted(Location { path, own: own.first().map(schema), others }))
}

/// Whether every column of the spec is there.
async fn columns(session: &mut Session, spec: &Spec) -> Result<Check, Error> {
    let spans = &spec.tables.spans;
    let topic = Topic::new("columns", "each that `[tables.spans]` names");
    let table = match Table::read(session, &spans.table).await? {
        Reply::Accepted(table) => table,
        Reply::Refused(why) => return Ok(topic.failed(why, "grant select on it to the role")),
    };
    let wanted = spans.columns();
    let missing: Vec<_> = wanted.iter().filter(|column| !table.has(column)).copied().collect();
    if missing.is_empty() {
        let found = format!("all {} columns of the spec are there", wanted.len());
        return Ok(topic.passed(found));
    }
    let (missing, all) = (missing.join(", "), table.names().collect::<Vec<_>>().join(", "));
    let found = format!("`{}` has no {missing}; it has {all}", spans.table);
    Ok(topic.failed(found, "apply the migrations, or name the columns under `[tables.spans]`"))
}

/// The types of a table's columns, with their widths.
async fn types(session: &mut Session, name: &str) -> Result<BTreeMap<String, String>, Error> {
    let sql = "select jsonb_build_object('name', attname, 'type', format_type(atttypid, atttypmod))
               from pg_attribute where attrelid = to_regclass(($1::text[])[1]) and attnum > 0
                 and not attisdropped";
    let rows = session.rows("the columns", sql, &[&[identifier::table(name)]]).await?;
    let pair = |row: &Row| (text(row, "name"), text(row, "type"));
    Ok(rows.accepted_or_default().iter().map(pair).collect())
}

/// A linking column that is narrower than what it links to loses the span with the longest value.
async fn widths(session: &mut Session, spec: &Spec) -> Result<Option<Check>, Error> {
    let tables = &spec.tables;
    let spans = types(session, &tables.spans.table).await?;
    let units = types(session, &tables.units.table).await?;
    let width = |of: Option<&String>| -> Option<u32> {
        of?.strip_prefix("character varying(")?.trim_end_matches(')').parse().ok()
    };
    let narrow = tables.spans.link.iter().filter_map(|(span, unit)| {
        let (own, theirs) = (width(spans.get(span))?, units.get(unit)?);
        let wider = width(Some(theirs)).is_none_or(|theirs| theirs > own);
        let text = theirs.starts_with("character varying") || theirs == "text";
        (text && wider)
            .then(|| format!("`{span}` holds {own} characters, `{unit}` of the unit is {theirs}"))
    });
    let narrow: Vec<_> = narrow.collect();
    let topic = Topic::new("widths", "each linking column beside what it links to");
    Ok((!narrow.is_empty()).then(|| {
        let next = "make the column as wide as the unit's: a longer value is refused with 22001, and the span with it";
        topic.advice(narrow.join("; "), next)
    }))
}
