//! Values of spans that cannot be right, whatever the service does: ids that identify nothing, and
//! times that contradict each other or the time of the job.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::evidence::{Evidence, some};
use super::facts::Facts;
use super::finding::{Checks, Finding};
use crate::observation::{Field, Period, Span};
use spanproof_format::Code;

/// How far two clocks on one machine, or of a machine and its database server, may differ.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::seconds(2);
/// How much earlier than its parent a span may start: times may be rounded to milliseconds.
const START_TOLERANCE: TimeDelta = TimeDelta::milliseconds(10);
/// How much a recorded duration may differ from end minus start: a service may take them at different
/// moments.
const DURATION_TOLERANCE_MS: f64 = 250.0;
/// The same if no span of the case fits better.
const COMMON_TOLERANCE_MS: f64 = 10.0;
/// The same, as a part of end minus start.
const DURATION_TOLERANCE: f64 = 0.25;
/// Milliseconds of the units in which durations are recorded: seconds, milliseconds, microseconds and
/// nanoseconds.
const UNITS_MS: [f64; 4] = [1000.0, 1.0, 1e-3, 1e-6];
/// Offsets of time zones are multiples of this (IANA time zone database, zones in use).
const ZONE_STEP: TimeDelta = TimeDelta::minutes(15);

/// Checks the ids and times of the spans that the spec names.
pub(super) fn values(facts: &Facts<'_>, checks: &mut Checks) {
    let named: Vec<&Span> =
        facts.rules.iter().flat_map(|rule| facts.of_operation(rule.name)).collect();
    ids(facts, &named, checks);
    times(facts, &named, checks);
}

fn ids(facts: &Facts<'_>, spans: &[&Span], checks: &mut Checks) {
    let all = spans.len();
    let is_empty =
        |span: &&&Span| [&span.trace, &span.id].into_iter().flatten().any(|id| is_zero(id));
    let empty: Vec<_> = spans.iter().filter(is_empty).collect();
    checks.expect_each(empty.is_empty(), || {
        let message = format!("{} of {all} spans have an id that is all zeros", empty.len());
        Finding::new(Code::InvalidIds, message, spans_with_ids(facts, empty.into_iter().copied()))
    });
    let mut by_id: BTreeMap<(&Option<String>, &str), Vec<&Span>> = BTreeMap::new();
    for span in spans {
        if let Some(id) = &span.id {
            by_id.entry((&span.trace, id)).or_default().push(span);
        }
    }
    // Two rows of one name and unit are one span that was recorded twice, which is another finding.
    let is_shared = |spans: &&Vec<&Span>| {
        spans.iter().any(|span| span.name != spans[0].name || span.unit != spans[0].unit)
    };
    let shared: Vec<_> = by_id.values().filter(is_shared).flatten().copied().collect();
    checks.expect_each(shared.is_empty(), || {
        let message = format!("{} of {all} spans share their id with another one", shared.len());
        Finding::new(Code::InvalidIds, message, spans_with_ids(facts, shared.into_iter()))
    });
}

/// Whether an id has digits and all of them are 0. A short one may be a number that starts at 0.
fn is_zero(id: &str) -> bool {
    let digits = id.chars().filter(|c| *c != '-');
    digits.clone().count() >= 8 && digits.clone().all(|c| c == '0')
}

fn spans_with_ids<'a>(facts: &Facts<'_>, spans: impl Iterator<Item = &'a Span>) -> Vec<Evidence> {
    let fields = [Field::Trace, Field::Unit];
    some(spans.map(|span| Evidence::span(facts, span, &fields)))
}

fn times(facts: &Facts<'_>, spans: &[&Span], checks: &mut Checks) {
    let mut wrong: Vec<(&Span, String)> = Vec::new();
    let zone = zone_of_units(facts);
    // One span may have waited between two clocks; all of them do not.
    let misfits = |span: &&&Span| duration(span, COMMON_TOLERANCE_MS).is_some();
    let measured = spans.iter().filter(|span| span.duration_ms.is_some()).count();
    let is_common = measured > 1 && spans.iter().filter(misfits).count() == measured;
    let tolerance_ms = if is_common { COMMON_TOLERANCE_MS } else { DURATION_TOLERANCE_MS };
    for span in spans {
        let reason = facts
            .trial()
            .and_then(|trial| trial.period.as_ref())
            .and_then(|period| outside(span, period, zone))
            .or_else(|| before_parent(facts, span))
            .or_else(|| duration(span, tolerance_ms));
        wrong.extend(reason.map(|reason| (*span, reason)));
    }
    checks.expect_each(wrong.is_empty(), || {
        let message = format!(
            "{} of {} spans have impossible times: {}",
            wrong.len(),
            spans.len(),
            wrong[0].1
        );
        let fields = [Field::Started, Field::Ended, Field::Duration];
        let line = |(span, reason): &(&Span, String)| {
            Evidence::span_with_remark(facts, span, &fields, reason)
        };
        Finding::new(Code::ImpossibleTimes, message, some(wrong.iter().map(line)))
    });
}

/// The offset in which the rows of units are written, if they were not all written in UTC within the
/// period: a service that writes local times does so everywhere.
fn zone_of_units(facts: &Facts<'_>) -> TimeDelta {
    let period = facts.trial().and_then(|trial| trial.period.as_ref());
    let started = facts.units.iter().filter_map(|unit| unit.started).min();
    let (Some(period), Some(started)) = (period, started) else { return TimeDelta::zero() };
    offset(started - period.submitted).unwrap_or_default()
}

/// Returns the whole number of quarter hours that a difference comes near to; `None` if it is zero or
/// the difference is not near one.
fn offset(difference: TimeDelta) -> Option<TimeDelta> {
    let step = ZONE_STEP.num_seconds();
    let seconds = difference.num_seconds();
    let nearest = (seconds + step / 2).div_euclid(step) * step;
    // A job may take a minute before the span starts.
    let is_near = (seconds - nearest).abs() <= 60;
    (nearest != 0 && is_near).then(|| TimeDelta::seconds(nearest))
}

/// Why a span cannot have been recorded in this period.
fn outside(span: &Span, period: &Period, zone: TimeDelta) -> Option<String> {
    let (first, last) = (period.submitted - CLOCK_TOLERANCE, period.stopped + CLOCK_TOLERANCE);
    let is_outside = |at: &DateTime<Utc>| {
        let moved = *at - zone;
        !(first..=last).contains(at) && !(first..=last).contains(&moved)
    };
    let start = span.start().filter(is_outside);
    let end = span.end().filter(is_outside);
    let (at, word) = start.map(|at| (at, "start")).or(end.map(|at| (at, "end")))?;
    if let Some(hours) = offset(at - period.submitted) {
        let is_local = span.started.as_ref().is_some_and(|time| !has_zone(&time.text));
        // Without a zone in the column it can't be told from a service that writes local times.
        if is_local && hours == local_offset() {
            return None;
        }
        let minutes = hours.num_minutes();
        return Some(format!(
            "its {word} is {minutes} minutes from the time of the job, as if in another time zone"
        ));
    }
    let relation =
        if at < first { "before the job was submitted" } else { "after the service stopped" };
    Some(format!("its {word} is {relation}"))
}

/// Whether a time says its offset.
fn has_zone(text: &str) -> bool {
    let tail = text.get(11..).unwrap_or_default();
    text.ends_with('Z') || tail.contains(['+', '-'])
}

fn local_offset() -> TimeDelta {
    TimeDelta::seconds(i64::from(chrono::Local::now().offset().local_minus_utc()))
}

/// Why a span cannot be a part of its parent.
fn before_parent(facts: &Facts<'_>, span: &Span) -> Option<String> {
    let parent = span.parent.as_ref()?;
    let is_parent = |other: &&Span| other.id.as_ref() == Some(parent) && other.trace == span.trace;
    let parent = facts.spans.iter().find(is_parent)?;
    let early = parent.start()? - span.start()?;
    // Times in whole seconds say nothing about less.
    let is_exact = |span: &Span| span.started.as_ref().is_some_and(|time| time.text.contains('.'));
    let tolerance =
        if is_exact(parent) && is_exact(span) { START_TOLERANCE } else { TimeDelta::seconds(1) };
    (early > tolerance).then(|| {
        format!("it starts {} ms before the span that contains it", early.num_milliseconds())
    })
}

/// Why a duration cannot be that of this span.
fn duration(span: &Span, tolerance_ms: f64) -> Option<String> {
    let (start, end, recorded) = (span.start()?, span.end()?, span.duration_ms?);
    let is_exact = |field| span.field_text(field).is_some_and(|text| text.contains('.'));
    let is_exact = is_exact(Field::Started) || is_exact(Field::Ended);
    if recorded < 0.0 || end < start || !is_exact {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "exact for 285 years")]
    let computed = (end - start).num_microseconds()? as f64 / 1000.0;
    let tolerance = (computed * DURATION_TOLERANCE).max(tolerance_ms);
    let fits = |unit: &f64| (recorded * unit - computed).abs() <= tolerance;
    (!UNITS_MS.iter().any(fits))
        .then(|| format!("its duration {recorded} is end minus start ({computed} ms) in no unit"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::zeros("00000000000000000000000000000000", true)]
    #[case::uuid("00000000-0000-0000-0000-000000000000", true)]
    #[case::number("0", false)]
    #[case::id("00f067aa0ba902b7", false)]
    fn an_id_of_zeros_identifies_nothing(#[case] id: &str, #[case] zero: bool) {
        assert_eq!(is_zero(id), zero);
    }

    #[rstest]
    #[case::an_hour(3_610, Some(60))]
    #[case::india(-19_795, Some(-330))]
    #[case::in_time(20, None)]
    #[case::no_zone(2_000, None)]
    fn a_difference_may_be_that_of_a_time_zone(#[case] seconds: i64, #[case] minutes: Option<i64>) {
        let found = offset(TimeDelta::seconds(seconds));
        assert_eq!(found.map(|offset| offset.num_minutes()), minutes);
    }

    #[rstest]
    #[case("2026-01-01T00:00:00+00:00", true)]
    #[case("2026-01-01 00:00:00Z", true)]
    #[case("2026-01-01T00:00:00.5", false)]
    fn a_time_may_say_its_offset(#[case] text: &str, #[case] zone: bool) {
        assert_eq!(has_zone(text), zone);
    }
}
