//! The spans of units, and those of other work at the same time.

use crate::identifier;
use serde_json::Value as Json;

use super::catalog::Table;
use super::lookup::{Conditions, Key, Lookup, ROW_LIMIT, texts};
use super::moment::Window;
use super::reply::Reply;
use super::session::Error;
use crate::observation::{Neighbour, Row, Rows, Unit, text, time};
use crate::spec::Spec;

/// Seconds before the first unit's start and after the last one's end in which spans are read.
const AROUND_SECONDS: i64 = 60;

/// The spans of the units: by unit, by job, and if these are fewer than the units, those without a
/// unit that began while the units were at work.
pub(super) async fn spans(
    lookup: &mut Lookup<'_>,
    jobs: &[String],
    units: &Rows,
) -> Result<Rows, Error> {
    let tables = &lookup.spec.tables;
    let table = &tables.spans;
    let ids = texts(units.all(), &tables.units.id);
    let keys = [
        Key { column: &table.unit, values: &ids },
        Key { column: tables.span_job(), values: jobs },
    ];
    let found = lookup.rows_by(&table.table, &keys).await?.into_rows();
    if units.all().is_empty() || found.all().len() >= units.all().len() {
        return Ok(found);
    }
    let Some(window) = at_work(lookup.spec, units.all()) else { return Ok(found) };
    match unlinked(lookup, window).await? {
        Reply::Accepted(more) => {
            let mut rows = found.all().to_vec();
            let new = more.into_iter().filter(|row| !rows.contains(row));
            let new: Vec<_> = new.collect();
            rows.extend(new);
            Ok(Rows::Found(rows))
        }
        Reply::Refused(reason) => {
            lookup.unread.push(format!("{} by {}: {reason}", table.table, table.started));
            Ok(found)
        }
    }
}

/// The spans that name no unit and began in the window.
async fn unlinked(lookup: &mut Lookup<'_>, window: Window) -> Result<Reply<Vec<Row>>, Error> {
    let spec = lookup.spec;
    let columns = &spec.tables.spans;
    let table = match Table::read(lookup.session, &columns.table).await? {
        Reply::Accepted(table) => table,
        Reply::Refused(reason) => return Ok(Reply::Refused(reason)),
    };
    let mut conditions = Conditions::default();
    if !conditions.is_within(&table, &columns.started, window) {
        return Ok(Reply::Refused("there is no such column".into()));
    }
    let operations: Vec<_> = spec.spans.iter().map(|rule| rule.operation.clone()).collect();
    conditions.is_any(&table, &columns.operation, &operations);
    if table.has(&columns.unit) {
        conditions.add(format!("{} is null", identifier::name(&columns.unit)));
    }
    let sql = format!(
        "select to_jsonb(r) from {} r {} limit {ROW_LIMIT}",
        table.name,
        conditions.clause()
    );
    let what = format!("{} by {}", columns.table, columns.started);
    lookup.session.look_up(&what, &sql, &conditions.parameters()).await
}

/// The spans of other work that began while the units were at work.
pub(super) async fn neighbours(
    lookup: &mut Lookup<'_>,
    units: &Rows,
) -> Result<Vec<Neighbour>, Error> {
    let tables = &lookup.spec.tables;
    let columns = &tables.spans;
    let table = Table::read(lookup.session, &columns.table).await?;
    let (Reply::Accepted(table), Some(window)) = (table, at_work(lookup.spec, units.all())) else {
        return Ok(Vec::new());
    };
    let ids = texts(units.all(), &tables.units.id);
    let mut conditions = Conditions::default();
    let able = conditions.is_within(&table, &columns.started, window)
        && conditions.is_none_of(&table, &columns.unit, &ids);
    if !able {
        return Ok(Vec::new());
    }
    let sql = format!(
        "select jsonb_build_object('started', {}, 'operation', {}) from {} {} limit {ROW_LIMIT}",
        identifier::name(&columns.started),
        identifier::name(&columns.operation),
        table.name,
        conditions.clause()
    );
    let what = format!("spans of other work by {}", columns.started);
    let rows = match lookup.session.look_up(&what, &sql, &conditions.parameters()).await? {
        Reply::Accepted(rows) => rows,
        Reply::Refused(reason) => {
            lookup.unread.push(format!("{what}: {reason}"));
            return Ok(Vec::new());
        }
    };
    let read = |row: &Row| {
        Some(Neighbour { started: time(row, "started")?, operation: text(row, "operation")? })
    };
    Ok(rows.iter().filter_map(read).collect())
}

/// When the units were at work, with a minute before and after; `None` if no unit has a time.
fn at_work(spec: &Spec, units: &[Row]) -> Option<Window> {
    let units = Unit::from_rows(&spec.tables, units);
    let times = || units.iter().flat_map(|unit| [unit.started, unit.ended]).flatten();
    let around = chrono::Duration::seconds(AROUND_SECONDS);
    let (first, last) = (times().min()?, times().max()?);
    Some(Window { since: Some(first - around), until: Some(last + around) })
}

/// Tables of the same name in other schemas that have spans of these units, each with how many.
pub(super) async fn spans_elsewhere(
    lookup: &mut Lookup<'_>,
    units: &Rows,
) -> Result<Vec<(String, u64)>, Error> {
    let columns = &lookup.spec.tables.spans;
    let (_, name) = identifier::parts(&columns.table);
    let sql = "select jsonb_build_object('name', format('%s.%s', n.nspname, c.relname))
               from pg_class c join pg_namespace n on n.oid = c.relnamespace
               where c.relname = ($1::text[])[1] and c.relkind in ('r', 'p')
                 and c.oid is distinct from to_regclass(($2::text[])[1])
               order by 1 limit 20";
    let asked: [&[String]; 2] = [&[name.to_owned()], &[identifier::table(&columns.table)]];
    let found = lookup.session.rows("other tables of that name", sql, &asked).await?;
    let ids = texts(units.all(), &lookup.spec.tables.units.id);
    let mut all = Vec::new();
    for row in found.accepted_or_default() {
        let Some(other) = row.get("name").and_then(Json::as_str) else { continue };
        let by_unit = Key { column: &columns.unit, values: &ids };
        if let Reply::Accepted(rows) = lookup.rows_by(other, &[by_unit]).await?
            && !rows.is_empty()
        {
            all.push((other.to_owned(), rows.len() as u64));
        }
    }
    Ok(all)
}
