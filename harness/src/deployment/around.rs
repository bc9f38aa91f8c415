//! Spans that are found by nothing but their time: while the units were at work.

use chrono::{DateTime, Utc};

use super::catalog::{Table, quoted_column};
use super::lookup::{MOST, texts};
use super::{Error, Session};
use crate::evidence::{Neighbour, Row, Rows, text, time};
use crate::spec::{SpanTable, Spec};

/// Spans are looked for so long before the first unit and after the last one, in seconds.
const AROUND_SECONDS: i64 = 60;

/// The spans that name no unit and began in this time.
pub(super) async fn unlinked(
    session: &mut Session,
    columns: &SpanTable,
    spec: &Spec,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Result<Vec<Row>, String>, Error> {
    let table = match Table::read(session, &columns.table).await? {
        Ok(table) => table,
        Err(reason) => return Ok(Err(reason)),
    };
    let limits = [(">=", 1), ("<", 2)];
    let limits = limits.map(|(comparison, at)| table.compares(&columns.started, comparison, at));
    let [Some(since), Some(until)] = limits else {
        return Ok(Err("there is no such column".into()));
    };
    let mut conditions = vec![since, until];
    conditions.extend(table.is_any(&columns.operation, 3));
    if table.has(&columns.unit) {
        conditions.push(format!("{} is null", quoted_column(&columns.unit)));
    }
    let sql = format!(
        "select to_jsonb(r) from {} r where {} limit {MOST}",
        table.name,
        conditions.join(" and ")
    );
    let operations: Vec<_> = spec.spans.iter().map(|rule| rule.operation.clone()).collect();
    let what = format!("{} by {}", columns.table, columns.started);
    session.look_up(&what, &sql, &[&[from.to_rfc3339()], &[to.to_rfc3339()], &operations]).await
}

/// The spans of other work that began while the units were at work.
pub(super) async fn neighbours(
    session: &mut Session,
    spec: &Spec,
    units: &Rows,
    unread: &mut Vec<String>,
) -> Result<Vec<Neighbour>, Error> {
    let columns = &spec.tables.spans;
    let table = Table::read(session, &columns.table).await?;
    let (Ok(table), Some((from, to))) = (table, at_work(spec, units.all())) else {
        return Ok(Vec::new());
    };
    let limits = [(">=", 1), ("<", 2)];
    let limits = limits.map(|(comparison, at)| table.compares(&columns.started, comparison, at));
    let ([Some(since), Some(until)], Some(own)) = (limits, table.is_any(&columns.unit, 3)) else {
        return Ok(Vec::new());
    };
    let sql = format!(
        "select jsonb_build_object('started', {}, 'operation', {}) from {} \
         where {since} and {until} and not ({own}) limit {MOST}",
        quoted_column(&columns.started),
        quoted_column(&columns.operation),
        table.name
    );
    let ids = texts(units.all(), &spec.tables.units.id);
    let what = format!("spans of other work by {}", columns.started);
    let parameters: [&[String]; 3] = [&[from.to_rfc3339()], &[to.to_rfc3339()], &ids];
    let rows = match session.look_up(&what, &sql, &parameters).await? {
        Ok(rows) => rows,
        Err(reason) => {
            unread.push(format!("{what}: {reason}"));
            return Ok(Vec::new());
        }
    };
    let read = |row: &Row| {
        Some(Neighbour { started: time(row, "started")?, operation: text(row, "operation")? })
    };
    Ok(rows.iter().filter_map(read).collect())
}

/// When the units were at work, with a minute around it.
pub(super) fn at_work(spec: &Spec, units: &[Row]) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let columns = &spec.tables.units;
    let times = |column: &str| units.iter().filter_map(|row| time(row, column)).collect::<Vec<_>>();
    let (started, completed) = (times(&columns.started), times(&columns.completed));
    let around = chrono::Duration::seconds(AROUND_SECONDS);
    let first = started.iter().chain(&completed).min()?;
    let last = started.iter().chain(&completed).max()?;
    Some((*first - around, *last + around))
}
