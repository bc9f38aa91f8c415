//! Indexes, and the size that makes them matter.

use crate::identifier;
use spanproof_format::Check;

use super::check::Topic;
use super::row::text;
use crate::deployment::catalog::Table;
use crate::deployment::{Error, Reply, Session};
use crate::spec::Spec;

/// Rows up to which a table without an index is only advised against.
const ADVICE_ROWS: f64 = 10_000.0;
/// Rows from which on old spans can be removed only by an index on their start.
const RETENTION_ROWS: f64 = 10_000_000.0;

/// Rows of the largest table that is read as a whole on trial.
const FULL_SCAN_ROWS: f64 = 100_000.0;

/// Whether finding rows by a column is cheap: by an index, or in a small table.
pub(super) async fn is_cheap_by(
    session: &mut Session,
    table: &str,
    column: &str,
) -> Result<bool, Error> {
    let known = leading_columns(session, table).await?.accepted_or_default();
    Ok(known.iter().any(|known| known == column)
        || row_count(session, table).await? <= FULL_SCAN_ROWS)
}

/// The columns that spans are looked up by.
pub(super) async fn indexes(session: &mut Session, spec: &Spec) -> Result<Vec<Check>, Error> {
    let spans = &spec.tables.spans;
    let checked = "a valid one on all rows that begins with the column";
    let known = match leading_columns(session, &spans.table).await? {
        Reply::Accepted(known) => known,
        Reply::Refused(why) => return Ok(vec![Topic::new("indexes", checked).untried(why, "")]),
    };
    let count = row_count(session, &spans.table).await?;
    let job = spec.tables.span_job();
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
        let topic = Topic::new("indexes", checked);
        return Ok(vec![topic.passed(format!("on {}", columns.join(", ")))]);
    }
    let checks = missing.iter().map(|(column, why)| {
        let topic = Topic::new(format!("index on {column}"), checked);
        let found = format!("there is none, with about {count:.0} rows: {why}");
        let table = identifier::table(&spans.table);
        let next = format!("create index concurrently on {table} ({})", identifier::name(column));
        if count > ADVICE_ROWS { topic.failed(found, next) } else { topic.advice(found, next) }
    });
    Ok(checks.collect())
}

/// The columns that an index begins with.
async fn leading_columns(session: &mut Session, table: &str) -> Result<Reply<Vec<String>>, Error> {
    let sql = "select jsonb_build_object('column', a.attname) from pg_index i
               join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
               where i.indrelid = to_regclass(($1::text[])[1]) and i.indisvalid and i.indpred is null";
    let rows = session.rows("the indexes", sql, &[&[identifier::table(table)]]).await?;
    Ok(rows.map(|rows| rows.iter().map(|row| text(row, "column")).collect()))
}

/// The table, or its partitions, which have the rows.
const PARTS: &str = "from pg_class c where c.relkind <> 'p' and (c.oid = to_regclass(($1::text[])[1])
                  or c.oid in (select inhrelid from pg_inherits where inhparent = to_regclass(($1::text[])[1])))";

/// About how many rows a table has; by its size where it was never analysed.
async fn row_count(session: &mut Session, table: &str) -> Result<f64, Error> {
    let sql = format!(
        "select to_jsonb(coalesce(sum(case when c.reltuples > 0 then c.reltuples
                  else pg_relation_size(c.oid) / 128 end), 0)) {PARTS}"
    );
    let values = session.values("the number of rows", &sql, &[&[identifier::table(table)]]).await?;
    Ok(values.accepted_or_default().first().and_then(serde_json::Value::as_f64).unwrap_or_default())
}

/// How large the span table is, and how far back it goes.
pub(super) async fn size(session: &mut Session, spec: &Spec) -> Result<Check, Error> {
    let spans = &spec.tables.spans;
    let topic = Topic::new("size", "the server's own numbers, and the first and last start");
    let sql = format!(
        "select jsonb_build_object('size', pg_size_pretty(coalesce(sum(pg_total_relation_size(c.oid)), 0))) {PARTS}"
    );
    let size = match session.rows("the size", &sql, &[&[identifier::table(&spans.table)]]).await? {
        Reply::Accepted(rows) => rows.first().map(|row| text(row, "size")).unwrap_or_default(),
        Reply::Refused(why) => return Ok(topic.untried(why, "")),
    };
    let count = row_count(session, &spans.table).await?;
    let reach = time_range(session, spec).await?;
    let found = format!("{size} with its indexes, about {count:.0} rows{reach}");
    let indexed = leading_columns(session, &spans.table)
        .await?
        .accepted_or_default()
        .contains(&spans.started);
    Ok(if count > RETENTION_ROWS && !indexed {
        let next = format!(
            "an index on `{}`, by which old spans can be removed, or a table of partitions by time",
            spans.started
        );
        topic.advice(found, next)
    } else {
        topic.passed(found)
    })
}

/// From when to when its spans are, where that is cheap to know.
async fn time_range(session: &mut Session, spec: &Spec) -> Result<String, Error> {
    let spans = &spec.tables.spans;
    let table = match Table::read(session, &spans.table).await? {
        Reply::Accepted(table) if table.has(&spans.started) => table,
        _ => return Ok(", without a start that could be read".into()),
    };
    let column = identifier::name(&spans.started);
    let mut ends = Vec::new();
    for order in ["asc", "desc"] {
        let sql = format!(
            "select jsonb_build_object('at', {column}) from {} where {column} is not null order by {column} {order} limit 1",
            table.name
        );
        match session.look_up("the oldest and newest span", &sql, &[]).await? {
            Reply::Accepted(rows) => ends.extend(rows.first().map(|row| text(row, "at"))),
            Reply::Refused(why) => return Ok(format!(", from when was not looked at: {why}")),
        }
    }
    Ok(match ends.as_slice() {
        [oldest, newest] => format!(", from {oldest} to {newest}"),
        _ => ", no span yet".into(),
    })
}
