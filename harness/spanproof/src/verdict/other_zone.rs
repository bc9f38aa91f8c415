//! Times of spans that differ from those of their job by the offset of a time zone, in columns with and without a
//! time zone. A unit is one part of a job.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value as Json;

use super::evidence::{Evidence, limit};
use super::facts::Facts;
use super::finding::Finding;
use crate::observation::{Field, Row, Span, Time, text};
use spanproof_format::{Code, count_phrase};

/// Offsets of time zones are multiples of this (IANA time zone database, zones in use).
const ZONE_STEP: TimeDelta = TimeDelta::minutes(15);
/// How far a time and the submission of its job may differ if they are in the same zone.
const NEAR: TimeDelta = TimeDelta::minutes(1);
/// The largest offset from UTC of a time zone, in hours.
const MAX_HOURS: i64 = 14;

/// Returns the finding if all spans differ from their job by the same offset, and only some of the columns have a
/// time zone: then the times are not impossible, but a column without a zone may contain local times. `None` if
/// that is not so, or if a span is wrong for a different reason. `wrong` is the number of spans with impossible
/// times.
pub(super) fn finding(facts: &Facts<'_>, spans: &[&Span], wrong: usize) -> Option<Finding> {
    if facts.trial().is_some() || wrong != spans.len() {
        return None;
    }
    let submitted = facts.jobs.iter().filter_map(|job| job.created).min()?;
    let offset = |span: &&Span| zone_offset(span.start()? - submitted);
    let offsets: Option<Vec<TimeDelta>> = spans.iter().map(offset).collect();
    let offsets = offsets?;
    let first = *offsets.first()?;
    let is_uniform = offsets.iter().all(|offset| *offset == first);
    let without_zone = columns_without_zone(facts, spans);
    if !is_uniform || first.num_hours().abs() > MAX_HOURS || without_zone.is_empty() {
        return None;
    }
    let minutes = first.num_minutes().abs();
    let direction = if first > TimeDelta::zero() { "after" } else { "before" };
    let message = format!(
        "the times of all {} are {}:{:02} hours {direction} those of the job, and {} without a time zone: it may contain \
         local times; to compare the times, let the dump or the view convert it with `at time zone`, or make it \
         `timestamp with time zone`",
        count_phrase(spans.len(), "span", "spans"),
        minutes / 60,
        minutes % 60,
        match without_zone.as_slice() {
            [column] => format!("`{column}` is"),
            columns => format!("these columns are: `{}`, each", columns.join("`, `")),
        }
    );
    let fields = [Field::Started, Field::Ended];
    let lines = spans.iter().map(|span| Evidence::span(facts, span, &fields));
    Some(Finding::new(Code::Undetermined, message, limit(lines)))
}

/// Returns the columns whose times name no zone, if other columns have times that do; otherwise an empty list.
fn columns_without_zone(facts: &Facts<'_>, spans: &[&Span]) -> Vec<String> {
    let tables = &facts.spec.tables;
    let rows = &facts.observation.tables;
    let of_rows = |rows: &[Row], column: &str| {
        rows.iter().find_map(|row| text(row, column)).map(|text| Time::new(text).has_zone())
    };
    let of_spans = spans.iter().find_map(|span| span.started.as_ref()).map(Time::has_zone);
    let columns = [
        (&tables.jobs.table, &tables.jobs.created, of_rows(rows.jobs.all(), &tables.jobs.created)),
        (
            &tables.units.table,
            &tables.units.started,
            of_rows(rows.units.all(), &tables.units.started),
        ),
        (&tables.spans.table, &tables.spans.started, of_spans),
    ];
    if !columns.iter().any(|(.., has_zone)| *has_zone == Some(true)) {
        return Vec::new();
    }
    let without = columns.iter().filter(|(.., has_zone)| *has_zone == Some(false));
    without.map(|(table, column, _)| format!("{table}.{column}")).collect()
}

/// Returns the offset from UTC of the times without a zone in the rows of a trial's units and jobs; zero if these
/// times are in UTC, or if there is none. A service that writes local times there also writes them into its
/// spans.
pub(super) fn utc_offset_of_rows(facts: &Facts<'_>) -> TimeDelta {
    let Some(period) = facts.trial().and_then(|trial| trial.period.as_ref()) else {
        return TimeDelta::zero();
    };
    let offset = |at: DateTime<Utc>| zone_offset(at - period.submitted);
    if let Some(started) = facts.units.iter().filter_map(|unit| unit.started).min() {
        return offset(started).unwrap_or_default();
    }
    let rows = &facts.observation.tables;
    let rows = rows.units.all().iter().chain(rows.jobs.all());
    let texts = rows.flat_map(Row::values).filter_map(Json::as_str);
    let times = texts.filter(|text| text.contains(':')).map(|text| Time::new(text.to_owned()));
    let times: Vec<_> = times.filter(|time| !time.has_zone()).filter_map(|time| time.at).collect();
    // A column such as the deadline of a job is an hour later without being in another zone.
    let is_in_utc = |at: &&DateTime<Utc>| {
        (**at - period.submitted).abs() <= NEAR || (period.submitted..=period.stopped).contains(at)
    };
    match times.iter().find(is_in_utc) {
        Some(_) => TimeDelta::zero(),
        None => times.iter().find_map(|at| offset(*at)).unwrap_or_default(),
    }
}

/// Rounds a time difference to the nearest offset that a time zone may have; `None` if that is zero or
/// more than a minute away.
pub(super) fn zone_offset(difference: TimeDelta) -> Option<TimeDelta> {
    let step = ZONE_STEP.num_seconds();
    let seconds = difference.num_seconds();
    let nearest = (seconds + step / 2).div_euclid(step) * step;
    // The difference contains the time from the submission of the job to the start of the span.
    let is_near = (seconds - nearest).abs() <= NEAR.num_seconds();
    (nearest != 0 && is_near).then(|| TimeDelta::seconds(nearest))
}
