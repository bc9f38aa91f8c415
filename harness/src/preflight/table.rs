//! The tables: where they are, what they have, who may do what to them.

use std::collections::BTreeMap;

use super::Check;
use super::clock::text;
use crate::deployment::catalog::Table;
use crate::deployment::{Error, Session};
use crate::evidence::{Row, quoted};
use crate::spec::{SpanTable, Spec};

/// Up to so many rows a table is gone through in no time, whatever its indexes.
const SMALL: f64 = 10_000.0;
/// A table with more rows than this wants its old ones taken away.
const LARGE: f64 = 10_000_000.0;

/// The columns of the span table that the spec names, each with what it is for.
pub(super) fn columns(spans: &SpanTable) -> Vec<&str> {
    let own = [
        &spans.trace,
        &spans.id,
        &spans.parent,
        &spans.service,
        &spans.operation,
        &spans.started,
        &spans.completed,
        &spans.duration,
        &spans.status,
        &spans.unit,
    ];
    let all = own.into_iter().chain(spans.link.keys()).map(String::as_str);
    let mut columns: Vec<_> = all.filter(|name| !name.is_empty()).collect();
    columns.dedup();
    let mut seen = std::collections::BTreeSet::new();
    columns.retain(|name| seen.insert(*name));
    columns
}

/// Everything about the tables of the spec.
pub(super) async fn tables(session: &mut Session, spec: &Spec) -> Result<Vec<Check>, Error> {
    let tables = &spec.tables;
    let mut checks = Vec::new();
    for name in [&tables.jobs.table, &tables.units.table] {
        checks.push(match Table::read(session, name).await? {
            Ok(_) => Check::passed(&format!("table {name}"), "it is there and can be read"),
            Err(why) => Check::advice(
                &format!("table {name}"),
                why,
                "spans can be recorded without it, and not be compared with the work they are of",
            ),
        });
    }
    let name = &tables.spans.table;
    let title = format!("table {name}");
    let found = place(session, name).await?;
    let Some((schema, others)) = found else {
        let next = "apply the migrations to this database, or look at the search path of the role";
        checks.push(Check::failed(
            &title,
            format!("there is no table `{name}` on the search path"),
            next,
        ));
        return Ok(checks);
    };
    checks.push(if others.is_empty() {
        Check::passed(&title, format!("it is in the schema `{schema}`, and in no other"))
    } else {
        let found = format!(
            "it is in the schema `{schema}`; {} has one of that name too",
            others.join(", ")
        );
        Check::advice(
            &title,
            found,
            "name the schema where spans are written, so that they can't land in the other",
        )
    });
    checks.push(held(session, spec).await?);
    checks.extend(widths(session, spec).await?);
    checks.extend(indexes(session, spec).await?);
    checks.push(privileges(session, name).await?);
    Ok(checks)
}

/// The schema a table is found in, and others that have one of that name.
async fn place(session: &mut Session, name: &str) -> Result<Option<(String, Vec<String>)>, Error> {
    let sql = "select jsonb_build_object('schema', n.nspname, 'own', c.oid = to_regclass(($2::text[])[1]))
               from pg_class c join pg_namespace n on n.oid = c.relnamespace
               where c.relname = ($1::text[])[1] and c.relkind in ('r', 'p', 'v', 'f') order by 1 limit 50";
    let plain = name.rsplit('.').next().unwrap_or(name).to_owned();
    let rows = session.rows("the span table", sql, &[&[plain], &[quoted(name)]]).await?;
    let rows = rows.unwrap_or_default();
    let (own, others): (Vec<&Row>, Vec<&Row>) =
        rows.iter().partition(|row| row.get("own") == Some(&true.into()));
    let schema = |row: &&Row| text(row, "schema");
    Ok(own.first().map(|row| (schema(row), others.iter().map(schema).collect())))
}

/// Whether every column of the spec is there.
async fn held(session: &mut Session, spec: &Spec) -> Result<Check, Error> {
    let spans = &spec.tables.spans;
    let table = match Table::read(session, &spans.table).await? {
        Ok(table) => table,
        Err(why) => return Ok(Check::failed("columns", why, "grant select on it to the role")),
    };
    let wanted = columns(spans);
    let missing: Vec<_> = wanted.iter().filter(|column| !table.has(column)).copied().collect();
    if missing.is_empty() {
        return Ok(Check::passed(
            "columns",
            format!("all {} columns of the spec are there", wanted.len()),
        ));
    }
    let all: Vec<_> = table.names().collect();
    let found =
        format!("`{}` has no {}; it has {}", spans.table, missing.join(", "), all.join(", "));
    Ok(Check::failed(
        "columns",
        found,
        "apply the migrations, or name the columns under `[tables.spans]`",
    ))
}

/// The types of a table's columns, with their widths.
async fn types(session: &mut Session, name: &str) -> Result<BTreeMap<String, String>, Error> {
    let sql = "select jsonb_build_object('name', attname, 'type', format_type(atttypid, atttypmod))
               from pg_attribute where attrelid = to_regclass(($1::text[])[1]) and attnum > 0
                 and not attisdropped";
    let rows = session.rows("the columns", sql, &[&[quoted(name)]]).await?;
    let pair = |row: &Row| (text(row, "name"), text(row, "type"));
    Ok(rows.unwrap_or_default().iter().map(pair).collect())
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
    Ok((!narrow.is_empty()).then(|| {
        let next = "make the column as wide as the unit's: a longer value is refused with 22001, and the span with it";
        Check::advice("widths", narrow.join("; "), next)
    }))
}

/// The columns that spans are looked up by.
async fn indexes(session: &mut Session, spec: &Spec) -> Result<Vec<Check>, Error> {
    let spans = &spec.tables.spans;
    let sql = "select jsonb_build_object('column', a.attname) from pg_index i
               join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
               where i.indrelid = to_regclass(($1::text[])[1]) and i.indisvalid and i.indpred is null";
    let rows = session.rows("the indexes", sql, &[&[quoted(&spans.table)]]).await?;
    let known: Vec<_> = rows.unwrap_or_default().iter().map(|row| text(row, "column")).collect();
    let count = count(session, &spans.table).await?;
    let job = spans.link.iter().find(|(_, unit)| **unit == spec.tables.units.job);
    let job = job.map_or("", |(span, _)| span.as_str());
    let wanted = [
        (spans.id.as_str(), "each span is completed by it"),
        (spans.unit.as_str(), "the spans of a unit are found by it"),
        (spans.trace.as_str(), "the spans of a trace are found by it"),
        (job, "the spans of a job are found by it"),
        (spans.started.as_str(), "spans are found, and old ones removed, by it"),
    ];
    let wanted: Vec<_> = wanted.into_iter().filter(|(column, _)| !column.is_empty()).collect();
    let missing: Vec<_> =
        wanted.iter().filter(|(column, _)| !known.iter().any(|k| k == column)).collect();
    if missing.is_empty() {
        let columns: Vec<_> = wanted.iter().map(|(column, _)| *column).collect();
        return Ok(vec![Check::passed("indexes", format!("on {}", columns.join(", ")))]);
    }
    let told = missing.iter().map(|(column, why)| {
        let name = format!("index on {column}");
        let found = format!("there is none, with about {count:.0} rows: {why}");
        let next = format!("create index concurrently on {} ({column})", spans.table);
        if count > SMALL {
            Check::failed(&name, found, next)
        } else {
            Check::advice(&name, found, next)
        }
    });
    Ok(told.collect())
}

/// About how many rows a table has.
async fn count(session: &mut Session, name: &str) -> Result<f64, Error> {
    let sql = "select to_jsonb(coalesce(sum(c.reltuples) filter (where c.reltuples > 0), 0)) from pg_class c
               where c.oid = to_regclass(($1::text[])[1])
                  or c.oid in (select inhrelid from pg_inherits where inhparent = to_regclass(($1::text[])[1]))";
    let values = session.values("the size of the table", sql, &[&[quoted(name)]]).await?;
    Ok(values.unwrap_or_default().first().and_then(serde_json::Value::as_f64).unwrap_or_default())
}

/// Whether the role may do what a tracer does.
async fn privileges(session: &mut Session, name: &str) -> Result<Check, Error> {
    let sql = "select jsonb_build_object('role', current_user,
                  'super', (select rolsuper from pg_roles where rolname = current_user),
                  'usage', has_schema_privilege(c.relnamespace, 'usage'),
                  'insert', has_table_privilege(c.oid, 'insert'),
                  'update', has_table_privilege(c.oid, 'update'),
                  'select', has_table_privilege(c.oid, 'select'),
                  'secured', c.relrowsecurity)
               from pg_class c where c.oid = to_regclass(($1::text[])[1])";
    let rows = session.rows("the privileges", sql, &[&[quoted(name)]]).await?;
    let row = rows.unwrap_or_default().pop().unwrap_or_default();
    let role = text(&row, "role");
    if row.get("super") == Some(&true.into()) {
        let found = format!("`{role}` is a superuser, who lacks none");
        let next = "run it as the role that the service uses (`--role NAME`, or its own URL)";
        return Ok(Check::untried("privileges", found, next));
    }
    let lacking: Vec<_> = ["usage", "insert", "update", "select"]
        .into_iter()
        .filter(|privilege| row.get(*privilege) != Some(&true.into()))
        .collect();
    if !lacking.is_empty() {
        let found = format!("`{role}` has no {} on `{name}`", lacking.join(", "));
        let next = format!("grant {} on {name} to {role}", lacking.join(", "));
        return Ok(Check::failed("privileges", found, next));
    }
    let secured = row.get("secured") == Some(&true.into());
    let found = format!("`{role}` may insert, update and select");
    Ok(if secured {
        let next = "look whether its policies let every span in; the rehearsal below tried one";
        Check::advice("privileges", format!("{found}; row level security is on"), next)
    } else {
        Check::passed("privileges", found)
    })
}

/// How large the span table is, and how far back it goes.
pub(super) async fn size(session: &mut Session, spec: &Spec) -> Result<Check, Error> {
    let spans = &spec.tables.spans;
    let sql = "select jsonb_build_object('size', pg_size_pretty(pg_total_relation_size(to_regclass(($1::text[])[1]))))";
    let rows = session.rows("the size", sql, &[&[quoted(&spans.table)]]).await?;
    let size = match rows {
        Ok(rows) => rows.first().map(|row| text(row, "size")).unwrap_or_default(),
        Err(why) => return Ok(Check::untried("size", why, "")),
    };
    let count = count(session, &spans.table).await?;
    let mut ends = Vec::new();
    if let Ok(table) = Table::read(session, &spans.table).await?
        && table.has(&spans.started)
    {
        let column = crate::deployment::catalog::quoted_column(&spans.started);
        for order in ["asc", "desc"] {
            let sql = format!(
                "select jsonb_build_object('at', {column}) from {} where {column} is not null order by {column} {order} limit 1",
                table.name
            );
            if let Ok(rows) = session.look_up("the oldest and newest span", &sql, &[]).await? {
                ends.extend(rows.first().map(|row| text(row, "at")));
            }
        }
    }
    let reach = match ends.as_slice() {
        [oldest, newest] => format!(", from {oldest} to {newest}"),
        _ => ", and no span was found by its start".into(),
    };
    let found = format!("{size} with its indexes, about {count:.0} rows{reach}");
    Ok(if count > LARGE {
        let next = "remove old spans by their start, or make the table one of partitions by time";
        Check::advice("size", found, next)
    } else {
        Check::passed("size", found)
    })
}
