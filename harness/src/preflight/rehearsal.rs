//! A span that is written as the service would, and undone.

use serde_json::Value as Json;

use super::Check;
use super::clock::text;
use super::table::columns;
use crate::deployment::catalog::{Table, quoted_column};
use crate::deployment::{Error, Session};
use crate::evidence::{Row, quoted};
use crate::spec::{SpanTable, Spec};

const NAME: &str = "a span, written and undone";

/// Writes a span, reads it, completes it, and leaves nothing of it.
pub(super) async fn span(session: &mut Session, spec: &Spec) -> Result<Check, Error> {
    let spans = &spec.tables.spans;
    let table = match Table::read(session, &spans.table).await? {
        Ok(table) => table,
        Err(why) => return Ok(Check::untried(NAME, why, "")),
    };
    let values = values(session, spec, &table).await?;
    let names: Vec<_> = values.iter().map(|(name, _)| quoted_column(name)).collect();
    let texts: Vec<_> = values.iter().map(|(_, value)| value.as_str()).collect();
    let insert = format!(
        "with written as (insert into {} ({}) values ({}) returning 1) select to_jsonb(count(*)) from written",
        table.name,
        names.join(", "),
        texts.join(", ")
    );
    let written = match session.values(NAME, &insert, &[]).await? {
        Ok(counts) => counts.first().and_then(Json::as_u64).unwrap_or_default(),
        Err(why) => return Ok(refused("inserting it", &why)),
    };
    let id = values.iter().find(|(name, _)| *name == spans.id).map(|(_, value)| value.as_str());
    let Some(id) = id.filter(|_| table.has(&spans.id)) else {
        return Ok(Check::untried(NAME, format!("there is no column `{}`", spans.id), ""));
    };
    let is = format!("{} = {id}", quoted_column(&spans.id));
    let seen = format!("select to_jsonb(count(*)) from {} where {is}", table.name);
    let seen = session.values(NAME, &seen, &[]).await?.unwrap_or_default();
    if written == 0 || seen.first().and_then(Json::as_u64) != Some(1) {
        let next = "look for a trigger that returns null, a rule or a policy on the table: the service is told that \
                    all is well";
        return Ok(Check::failed(
            NAME,
            "the server took the span, told no error and kept none",
            next,
        ));
    }
    if let Err(why) = complete(session, spans, &table, &is).await? {
        return Ok(refused("completing it", &why));
    }
    if let Err(why) = session.act(NAME, "set constraints all immediate").await? {
        return Ok(refused("the end of its transaction", &why));
    }
    let service = &spec.service.name;
    Ok(Check::passed(
        NAME,
        format!(
            "inserted, read, completed and rolled back, for `{service}`; a number of its sequence may be used up"
        ),
    ))
}

/// Completes the span, with the first final status that the table takes.
async fn complete(
    session: &mut Session,
    spans: &SpanTable,
    table: &Table,
    is: &str,
) -> Result<Result<(), String>, Error> {
    let mut sets = Vec::new();
    for (column, value) in [(&spans.completed, "clock_timestamp()"), (&spans.duration, "1")] {
        if table.has(column) {
            sets.push(format!("{} = {value}", quoted_column(column)));
        }
    }
    let mut last = Ok(());
    for status in ["completed", "ok", "done", "OK", "DONE", "finished"] {
        let status = format!("{} = '{status}'", quoted_column(&spans.status));
        let all = sets.iter().cloned().chain(table.has(&spans.status).then_some(status));
        let all: Vec<_> = all.collect();
        let sql = format!("update {} set {} where {is}", table.name, all.join(", "));
        match session.act(NAME, &sql).await? {
            Ok(()) => return Ok(Ok(())),
            // Another word for a final status may do.
            Err(why) if why.contains("check constraint") || why.contains("enum") => last = Err(why),
            Err(why) => return Ok(Err(why)),
        }
    }
    Ok(last)
}

fn refused(what: &str, why: &str) -> Check {
    let next = match why {
        why if why.contains("permission denied") => {
            "grant the role insert, update and select on the table"
        }
        why if why.contains("read-only") => "let the role, or the server, write",
        why if why.contains("null value") => {
            "give the column a default, or let the service write it"
        }
        why if why.contains("lock timeout") => "somebody holds a lock on the table; see `pg_locks`",
        why if why.contains("does not exist") => "apply the migrations to this database",
        _ => {
            "the server's own words name the reason; a service that does not print them loses spans in silence"
        }
    };
    Check::failed(NAME, format!("{what} was refused: {why}"), next)
}

/// A value, as SQL, for each column of the spec, and for each other one that can't do without.
async fn values(
    session: &mut Session,
    spec: &Spec,
    table: &Table,
) -> Result<Vec<(String, String)>, Error> {
    let spans = &spec.tables.spans;
    let sql = "select jsonb_build_object('name', attname, 'type', format_type(atttypid, null),
                  'width', greatest(atttypmod - 4, 0), 'needed', attnotnull and not atthasdef
                    and attidentity = '' and attgenerated = '')
               from pg_attribute where attrelid = to_regclass(($1::text[])[1]) and attnum > 0
                 and not attisdropped order by attnum";
    let rows = session.rows(NAME, sql, &[&[quoted(&spans.table)]]).await?.unwrap_or_default();
    let mapped = columns(spans);
    let later = [&spans.completed, &spans.duration, &spans.parent];
    let wanted = |row: &&Row| {
        let name = text(row, "name");
        let open = later.iter().any(|column| **column == name);
        let own = mapped.contains(&name.as_str()) && !open && table.has(&name);
        own || row.get("needed") == Some(&true.into())
    };
    Ok(rows.iter().filter(wanted).map(|row| (text(row, "name"), value(spec, row))).collect())
}

fn value(spec: &Spec, row: &Row) -> String {
    let spans = &spec.tables.spans;
    let (name, of) = (text(row, "name"), text(row, "type"));
    let unit = spec.unit_span().map_or("spanproof preflight", |rule| &rule.operation);
    let words = match &name {
        name if *name == spans.service => &spec.service.name,
        name if *name == spans.operation => unit,
        name if *name == spans.status => spans.open.first().map_or("started", String::as_str),
        _ => "spanproof preflight",
    };
    let width: usize = text(row, "width").parse().ok().filter(|width| *width > 0).unwrap_or(200);
    let words: String = words.chars().take(width).collect();
    let quoted = format!("'{}'", words.replace('\'', "''"));
    match of.as_str() {
        // No trace of anybody has these.
        "uuid" if name == spans.id => "'00000000-0000-4000-8000-737061706f6f'::uuid".into(),
        "uuid" => "'00000000-0000-4000-8000-747261636500'::uuid".into(),
        "json" | "jsonb" => format!("'{{}}'::{of}"),
        "boolean" => "false".into(),
        "date" => "current_date".into(),
        of if of.starts_with("timestamp") => "clock_timestamp()".into(),
        "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" => "0".into(),
        of if of.starts_with("character") || of == "text" => quoted,
        // An enum, or a type of somebody's own: its first word, or what it makes of ours.
        _ if name == spans.status => quoted,
        _ => "default".into(),
    }
}
