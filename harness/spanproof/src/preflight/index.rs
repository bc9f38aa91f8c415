//! Checks the indexes and the size of the span table.

use spanproof_format::{Check, count as with_noun};

use super::check::PendingCheck;
use super::row::text;
use crate::deployment::catalog::Table;
use crate::deployment::{Error, Reply, Session};
use crate::identifier;
use crate::json_path::JsonPath;
use crate::spec::Spec;

/// Number of rows above which a missing index is a failure instead of advice.
const MAX_ADVICE_ROWS: f64 = 10_000.0;
/// Number of rows above which removing old spans needs an index on their start time.
const RETENTION_ROWS: f64 = 10_000_000.0;
/// Number of rows up to which preflight scans a whole table.
const MAX_FULL_SCAN_ROWS: f64 = 100_000.0;

/// Whether a query for a value of a column is cheap: the column has an index, or the table is small.
pub(super) async fn is_query_cheap(
    session: &mut Session,
    table: &str,
    column: &str,
) -> Result<bool, Error> {
    let indexed = leading_columns(session, table).await?.accepted_or_default();
    Ok(indexed.iter().any(|indexed| indexed == column)
        || row_count(session, table).await? <= MAX_FULL_SCAN_ROWS)
}

/// Checks that each column that queries use to find spans has an index.
pub(super) async fn index_checks(session: &mut Session, spec: &Spec) -> Result<Vec<Check>, Error> {
    let spans = &spec.tables.spans;
    let checked = "valid indexes on all rows of the table, by their first column; paths into JSON are not checked";
    let indexed = match leading_columns(session, &spans.table).await? {
        Reply::Accepted(indexed) => indexed,
        Reply::Refused(why) => {
            return Ok(vec![PendingCheck::new("indexes", checked).untried(why, "")]);
        }
    };
    let count = row_count(session, &spans.table).await?;
    let job = spec.tables.span_job();
    let unit = spans.unit.columns().first().map_or("", String::as_str);
    let wanted = [
        (spans.id.as_str(), "to complete spans"),
        (unit, "to find the spans of a unit of work"),
        (spans.trace.as_str(), "to find the spans of a trace"),
        (&*job, "to find the spans of a job"),
        (spans.started.as_str(), "to find spans by time, and to remove old ones"),
    ];
    // A column that the table lacks is reported by the check of the columns.
    let table = Table::read(session, &spans.table).await?.accepted();
    let exists = |name: &str| table.as_ref().is_none_or(|table| table.has_column(name));
    let is_column = |name: &str| !name.is_empty() && JsonPath::find(name).is_none() && exists(name);
    let wanted: Vec<_> = wanted.into_iter().filter(|(name, _)| is_column(name)).collect();
    let missing: Vec<_> = wanted
        .iter()
        .filter(|(column, _)| !indexed.iter().any(|indexed| indexed == column))
        .collect();
    if missing.is_empty() {
        let columns: Vec<_> = wanted.iter().map(|(column, _)| *column).collect();
        return Ok(vec![all_indexed(&PendingCheck::new("indexes", checked), &columns)]);
    }
    let checks = missing.iter().map(|(column, purpose)| {
        let check = PendingCheck::new(format!("index on {column}"), checked);
        let rows = with_noun(count.round(), "row");
        let found = format!("missing on a table of about {rows}; it is needed {purpose}");
        let table = identifier::table(&spans.table);
        let next = format!("create index concurrently on {table} ({})", identifier::name(column));
        if count > MAX_ADVICE_ROWS { check.failed(found, next) } else { check.advice(found, next) }
    });
    Ok(checks.collect())
}

/// Returns the result of the check if each of these columns has an index.
fn all_indexed(check: &PendingCheck, columns: &[&str]) -> Check {
    if columns.is_empty() {
        let why =
            "none of the columns by which spans are found is a column of the table outside JSON";
        return check.untried(why, "");
    }
    check.passed(format!("on {}", columns.join(", ")))
}

/// Returns the first column of each valid index on all rows of a table.
async fn leading_columns(session: &mut Session, table: &str) -> Result<Reply<Vec<String>>, Error> {
    let sql = "select jsonb_build_object('column', a.attname) from pg_index i
               join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
               where i.indrelid = to_regclass(($1::text[])[1]) and i.indisvalid and i.indpred is null";
    let rows = session.rows("the indexes", sql, &[&[identifier::table(table)]]).await?;
    Ok(rows.map(|rows| rows.iter().map(|row| text(row, "column")).collect()))
}

/// The clauses `from` and `where` of a query about the storage of a table. A partitioned table has no
/// storage itself, so the query is about its partitions.
const PARTITIONS: &str = "from pg_class c where c.relkind <> 'p' and (c.oid = to_regclass(($1::text[])[1])
                  or c.oid in (select inhrelid from pg_inherits where inhparent = to_regclass(($1::text[])[1])))";

/// Estimates the number of rows of a table from the server's statistics. If the table was never
/// analysed, uses the size of the table.
async fn row_count(session: &mut Session, table: &str) -> Result<f64, Error> {
    let sql = format!(
        "select to_jsonb(coalesce(sum(case when c.reltuples > 0 then c.reltuples
                  else pg_relation_size(c.oid) / 128 end), 0)) {PARTITIONS}"
    );
    let values = session.values("the number of rows", &sql, &[&[identifier::table(table)]]).await?;
    Ok(values.accepted_or_default().first().and_then(serde_json::Value::as_f64).unwrap_or_default())
}

/// Reports the size of the span table and the time range of its spans.
pub(super) async fn size_check(session: &mut Session, spec: &Spec) -> Result<Check, Error> {
    let spans = &spec.tables.spans;
    let check =
        PendingCheck::new("size", "the server's statistics, and the first and last start time");
    let sql = format!(
        "select jsonb_build_object('size', pg_size_pretty(coalesce(sum(pg_total_relation_size(c.oid)), 0))) {PARTITIONS}"
    );
    let size = match session.rows("the size", &sql, &[&[identifier::table(&spans.table)]]).await? {
        Reply::Accepted(rows) => rows.first().map(|row| text(row, "size")).unwrap_or_default(),
        Reply::Refused(why) => return Ok(check.untried(why, "")),
    };
    let count = row_count(session, &spans.table).await?;
    let range = time_range(session, spec).await?;
    let rows = with_noun(count.round(), "row");
    let found = format!("{size} with the table's indexes, about {rows}, {range}");
    let is_indexed = leading_columns(session, &spans.table)
        .await?
        .accepted_or_default()
        .contains(&spans.started);
    Ok(if count > RETENTION_ROWS && !is_indexed {
        let next = format!(
            "create an index on `{}` to find and remove old spans, or partition the table by time",
            spans.started
        );
        check.advice(found, next)
    } else {
        check.passed(found)
    })
}

/// Describes the first and last start time of spans, or why these times were not read.
async fn time_range(session: &mut Session, spec: &Spec) -> Result<String, Error> {
    let spans = &spec.tables.spans;
    let table = match Table::read(session, &spans.table).await? {
        Reply::Accepted(table) if table.has_column(&spans.started) => table,
        _ => return Ok("without readable start times".into()),
    };
    let column = table.value(&spans.started).unwrap_or_default();
    let mut starts = Vec::new();
    for order in ["asc", "desc"] {
        let sql = format!(
            "select jsonb_build_object('at', {column}) from {} where {column} is not null order by {column} {order} limit 1",
            table.name
        );
        match session.look_up("the oldest and newest span", &sql, &[]).await? {
            Reply::Accepted(rows) => starts.extend(rows.first().map(|row| text(row, "at"))),
            Reply::Refused(why) => return Ok(format!("time range not read: {why}")),
        }
    }
    Ok(match starts.as_slice() {
        [oldest, newest] => format!("from {oldest} to {newest}"),
        _ => "no spans".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use spanproof_format::CheckResult;

    #[test]
    fn columns_inside_json_do_not_pass_as_indexed() {
        let check = PendingCheck::new("indexes", "");
        assert_eq!(all_indexed(&check, &["id", "at"]).found, "on id, at");
        assert_eq!(all_indexed(&check, &[]).outcome, CheckResult::Untried);
    }
}
