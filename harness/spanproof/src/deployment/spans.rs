//! Reads the spans of units of work, and the spans of other jobs that started while these units
//! ran.

use std::collections::{BTreeMap, BTreeSet};

use crate::identifier::{self, TableName};

use super::catalog::Table;
use super::lookup::{Conditions, Key, Lookup, ROW_LIMIT, ids, require_complete};
use super::reply::Reply;
use super::session::Error;
use super::window::Window;
use crate::observation::{self, ConcurrentSpan, OtherTable, Row, Rows, Span, Unit, text};
use crate::spec::{Spec, UnitLink};
use crate::timestamp::shifted;

/// Number of seconds before the first unit's start in which a span may still belong to the units, because the
/// clocks of two machines differ.
const TOLERANCE_SECONDS: i64 = 1;

/// Reads the spans that refer to one of the units or jobs. If a unit lacks spans, or if the spec has spans
/// that are linked to their unit only by their parent, also reads the spans that refer to no unit and started
/// while the units ran, because they may belong to the units.
pub(super) async fn spans(
    lookup: &mut Lookup<'_>,
    jobs: &[String],
    units: &Rows,
) -> Result<Rows, Error> {
    let tables = &lookup.spec.tables;
    let table = &tables.spans;
    let unit_ids = ids(units.all(), &tables.units.id);
    let job = tables.span_job();
    let by_unit = Key { columns: table.unit.columns(), values: &unit_ids };
    let keys = [by_unit, Key::new(&job, jobs)];
    let found = lookup.rows_by(observation::Table::Spans, &table.table, &keys).await?.into_rows();
    let found = require_complete(found, &table.table);
    // Spans that are linked by their parent refer to no unit, so the first query can't find them.
    let has_enough =
        has_enough_spans(lookup.spec, units, &found) && !lookup.spec.has_parent_links();
    if units.all().is_empty() || has_enough || matches!(found, Rows::Unreadable(_)) {
        return Ok(found);
    }
    let Some(window) = running_window(lookup.spec, units.all()) else { return Ok(found) };
    match spans_without_unit(lookup, window).await? {
        Reply::Accepted(more) => {
            let mut rows = found.all().to_vec();
            let new = more.into_iter().filter(|row| !rows.contains(row));
            let new: Vec<_> = new.collect();
            rows.extend(new);
            Ok(Rows::from(rows).without_orphans(lookup.spec))
        }
        Reply::Refused(reason) => {
            lookup.unread.push(format!("{} by {}: {reason}", table.table, table.started));
            Ok(found)
        }
    }
}

/// Whether each unit has at least one span, and at least as many as the spec requires for every unit in a
/// column with the unit's id. Then probably no span is missing.
pub(super) fn has_enough_spans(spec: &Spec, units: &Rows, spans: &Rows) -> bool {
    let tables = &spec.tables;
    let rules = spec.spans.iter().filter(|rule| rule.is_always_required_by_column()).count().max(1);
    if tables.spans.unit.columns().is_empty() {
        return spans.all().len() >= units.all().len() * rules;
    }
    let mut counts = BTreeMap::new();
    for unit in ids(spans.all(), &tables.spans.unit) {
        *counts.entry(unit).or_insert(0_usize) += 1;
    }
    let count = |unit: &String| counts.get(unit).copied().unwrap_or_default();
    ids(units.all(), &tables.units.id).iter().all(|unit| count(unit) >= rules)
}

/// Reads the spans that refer to no unit and started in the window.
pub(super) async fn spans_without_unit(
    lookup: &mut Lookup<'_>,
    window: Window,
) -> Result<Reply<Vec<Row>>, Error> {
    let spec = lookup.spec;
    let columns = &spec.tables.spans;
    let table = match Table::read(lookup.session, &columns.table).await? {
        Reply::Accepted(table) => table,
        Reply::Refused(reason) => return Ok(Reply::Refused(reason)),
    };
    let mut conditions = Conditions::default();
    if !conditions.require_within(&table, &columns.started, window) {
        return Ok(Reply::Refused("no such column".into()));
    }
    let rules = spec.spans.iter().filter(|rule| rule.unit != UnitLink::None);
    let names: Vec<_> = rules.map(|rule| rule.name.clone()).collect();
    conditions.require_any(&table, &columns.name, &names);
    // If one column of the unit's id is null, the span refers to no unit.
    let parts: Vec<_> =
        columns.unit.columns().iter().filter_map(|column| table.value(column)).collect();
    if !parts.is_empty() {
        let nulls: Vec<_> = parts.iter().map(|part| format!("{part} is null")).collect();
        conditions.add(format!("({})", nulls.join(" or ")));
    }
    let sql = format!(
        "select {} from {} r {} limit {ROW_LIMIT}",
        table.row_as_json(),
        table.name,
        conditions.clause()
    );
    let what = format!("{} by {}", columns.table, columns.started);
    lookup.look_up(observation::Table::Spans, &what, &sql, &conditions.parameters()).await
}

/// Reads the spans of other units that started while `units` ran. Adds those whose unit has no row to `spans`,
/// and returns the others, too.
pub(super) async fn with_spans_of_other_units(
    lookup: &mut Lookup<'_>,
    units: &Rows,
    spans: Rows,
) -> Result<(Rows, Vec<ConcurrentSpan>), Error> {
    let others = spans_of_other_units(lookup, units).await?;
    let others: Vec<_> = others.into_iter().filter(|row| !spans.all().contains(row)).collect();
    let tables = &lookup.spec.tables;
    let named = ids(&others, &tables.spans.unit);
    if named.is_empty() {
        return Ok((spans, Vec::new()));
    }
    let by_id = Key { columns: tables.units.id.columns(), values: &named };
    let table = observation::Table::Units;
    let known = lookup.rows_by(table, &tables.units.table, &[by_id]).await?.into_rows();
    Ok(split_by_unit(lookup.spec, spans, others, &known))
}

/// Adds those of the other spans whose unit is not among `units` to `spans`, and returns the others, too. If
/// the units can't be read, adds nothing.
pub(super) fn split_by_unit(
    spec: &Spec,
    spans: Rows,
    others: Vec<Row>,
    units: &Rows,
) -> (Rows, Vec<ConcurrentSpan>) {
    let known: BTreeSet<String> = ids(units.all(), &spec.tables.units.id).into_iter().collect();
    let has_unit = |row: &Row| {
        matches!(units, Rows::Unreadable(_))
            || observation::id(row, &spec.tables.spans.unit).is_some_and(|id| known.contains(&id))
    };
    let (concurrent, dangling): (Vec<Row>, Vec<Row>) = others.into_iter().partition(has_unit);
    let concurrent = concurrent.iter().map(|row| Span::from_row(&spec.tables.spans, row));
    let concurrent = concurrent.filter_map(|span| ConcurrentSpan::from_span(&span)).collect();
    let spans = match spans {
        Rows::Found(rows) => Rows::from([rows.as_slice(), &dangling].concat()),
        unreadable @ Rows::Unreadable(_) => unreadable,
    };
    (spans, concurrent)
}

/// Reads the spans of other units that started while `units` ran.
async fn spans_of_other_units(lookup: &mut Lookup<'_>, units: &Rows) -> Result<Vec<Row>, Error> {
    let tables = &lookup.spec.tables;
    let columns = &tables.spans;
    let table = Table::read(lookup.session, &columns.table).await?;
    let (Reply::Accepted(table), Some(window)) = (table, running_window(lookup.spec, units.all()))
    else {
        return Ok(Vec::new());
    };
    let unit_ids = ids(units.all(), &tables.units.id);
    let mut conditions = Conditions::default();
    let has_columns = conditions.require_within(&table, &columns.started, window)
        && conditions.require_other_id(&table, columns.unit.columns(), &unit_ids);
    if !has_columns {
        return Ok(Vec::new());
    }
    let sql = format!(
        "select {} from {} r {} limit {ROW_LIMIT}",
        table.row_as_json(),
        table.name,
        conditions.clause()
    );
    let what = format!("spans of other jobs by {}", columns.started);
    let spans = observation::Table::Spans;
    match lookup.look_up(spans, &what, &sql, &conditions.parameters()).await? {
        Reply::Accepted(rows) => Ok(rows),
        Reply::Refused(reason) => {
            lookup.unread.push(format!("{what}: {reason}"));
            Ok(Vec::new())
        }
    }
}

/// Returns the window in which the units ran; `None` if no unit has a time. The window ends `flush-ms` after
/// the end of the last unit. It has no end if a unit has no end, because this unit may still be running.
pub(super) fn running_window(spec: &Spec, units: &[Row]) -> Option<Window> {
    let units = Unit::from_rows(&spec.tables, units);
    let times = units.iter().flat_map(|unit| [unit.started, unit.ended]).flatten();
    let since = shifted(times.min()?, -chrono::Duration::seconds(TOLERANCE_SECONDS));
    let ended: Option<Vec<_>> = units.iter().map(|unit| unit.ended).collect();
    let flush = spec.flush_delta();
    let until = ended.and_then(|ended| ended.into_iter().max()).map(|last| shifted(last, flush));
    Some(Window { since: Some(since), until })
}

/// Finds tables in other schemas that have the span table's name and contain spans of `units`.
/// Returns each table with its spans of these units.
pub(super) async fn spans_in_other_schemas(
    lookup: &mut Lookup<'_>,
    units: &Rows,
) -> Result<Vec<OtherTable>, Error> {
    let columns = &lookup.spec.tables.spans;
    let (_, name) = identifier::parts(&columns.table);
    let sql = "select jsonb_build_object('schema', n.nspname, 'table', c.relname)
               from pg_class c join pg_namespace n on n.oid = c.relnamespace
               where c.relname = ($1::text[])[1] and c.relkind in ('r', 'p')
                 and c.oid is distinct from to_regclass(($2::text[])[1])
               order by 1 limit 20";
    let parameters: [&[String]; 2] = [&[name], &[identifier::table(&columns.table)]];
    let found = lookup.session.rows("tables in other schemas", sql, &parameters).await?;
    let unit_ids = ids(units.all(), &lookup.spec.tables.units.id);
    let mut all = Vec::new();
    for row in found.accepted_or_default() {
        let (Some(schema), Some(name)) = (text(&row, "schema"), text(&row, "table")) else {
            continue;
        };
        let table = TableName { schema: Some(schema), name }.to_string();
        let by_unit = Key { columns: columns.unit.columns(), values: &unit_ids };
        let spans = observation::Table::Spans;
        if let Reply::Accepted(rows) = lookup.rows_by(spans, &table, &[by_unit]).await? {
            all.extend(OtherTable::new(table, &rows, &columns.unit));
        }
    }
    Ok(all)
}
