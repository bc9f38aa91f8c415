//! Checks for values of spans that cannot be right: ids that consist of zeros or are used twice, and
//! times that contradict each other or the time of the job. A unit is one part of a job. The period
//! is the time from the submission of the job to the stop of the service.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::evidence::{Evidence, limit};
use super::facts::Facts;
use super::finding::{Checks, Finding};
use crate::observation::{Field, Period, Span};
use spanproof_format::Code;

/// How far the clocks of the service, of spanproof and of the database server may differ, if the server
/// may run on another machine.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::seconds(2);
/// How far times may differ that were taken on one machine.
const SAME_CLOCK_TOLERANCE: TimeDelta = TimeDelta::milliseconds(50);
/// How much earlier than its parent a span may start: times may be rounded to milliseconds.
const START_TOLERANCE: TimeDelta = TimeDelta::milliseconds(10);
/// How many milliseconds a recorded duration may differ from end minus start. A service may measure
/// them at different moments, and be suspended between these.
const DURATION_TOLERANCE_MS: f64 = 250.0;
/// The smaller tolerance that holds if every duration of the case exceeds it: not every span can have
/// been suspended.
const COMMON_TOLERANCE_MS: f64 = 10.0;
/// How much a recorded duration may differ from end minus start, as a fraction of end minus start.
const DURATION_TOLERANCE: f64 = 0.25;
/// The units of time in which durations may be recorded, in milliseconds: seconds, milliseconds,
/// microseconds and nanoseconds.
const TIME_UNITS_MS: [f64; 4] = [1000.0, 1.0, 1e-3, 1e-6];
const TIME_UNIT_NAMES: [&str; 4] = ["seconds", "milliseconds", "microseconds", "nanoseconds"];
/// Durations from this length on show in which unit of time they are recorded.
const MIN_TELLING_MS: f64 = 0.5;
/// How close to end minus start such a duration must be, as a fraction.
const TELLING_TOLERANCE: f64 = 0.1;
/// Offsets of time zones are multiples of this (IANA time zone database, zones in use).
const ZONE_STEP: TimeDelta = TimeDelta::minutes(15);

/// Checks the ids and times of the spans that the spec requires.
pub(super) fn check_values(facts: &Facts<'_>, checks: &mut Checks) {
    let spans: Vec<&Span> = facts.required_spans().collect();
    check_ids(facts, &spans, checks);
    check_times(facts, &spans, checks);
}

fn check_ids(facts: &Facts<'_>, spans: &[&Span], checks: &mut Checks) {
    let all = spans.len();
    let has_zero_id =
        |span: &&&Span| [&span.trace, &span.id].into_iter().flatten().any(|id| is_zero(id));
    let zero: Vec<_> = spans.iter().filter(has_zero_id).collect();
    checks.expect_each(zero.is_empty(), || {
        let message = format!("{} of {all} spans have an id that is all zeros", zero.len());
        Finding::new(Code::InvalidIds, message, spans_with_ids(facts, zero.into_iter().copied()))
    });
    let mut by_id: BTreeMap<(&Option<String>, &str), Vec<&Span>> = BTreeMap::new();
    for span in spans {
        if let Some(id) = &span.id {
            by_id.entry((&span.trace, id)).or_default().push(span);
        }
    }
    // Two rows with the same name and unit are one span that was recorded twice. Another check reports
    // duplicates.
    let is_shared = |spans: &&Vec<&Span>| {
        spans.iter().any(|span| span.name != spans[0].name || span.unit != spans[0].unit)
    };
    let shared: Vec<_> = by_id.values().filter(is_shared).flatten().copied().collect();
    checks.expect_each(shared.is_empty(), || {
        let message = format!("{} of {all} spans share their id with another one", shared.len());
        Finding::new(Code::InvalidIds, message, spans_with_ids(facts, shared.into_iter()))
    });
}

/// Whether all digits of an id are 0. A short id may be a number that counts from 0.
fn is_zero(id: &str) -> bool {
    let digits = id.chars().filter(|c| *c != '-');
    digits.clone().count() >= 8 && digits.clone().all(|c| c == '0')
}

fn spans_with_ids<'a>(facts: &Facts<'_>, spans: impl Iterator<Item = &'a Span>) -> Vec<Evidence> {
    let fields = [Field::Trace, Field::Unit];
    limit(spans.map(|span| Evidence::span(facts, span, &fields)))
}

fn check_times(facts: &Facts<'_>, spans: &[&Span], checks: &mut Checks) {
    let mut wrong: Vec<(&Span, String)> = Vec::new();
    let limits = Limits::new(facts);
    let common_unit = common_duration_unit(spans);
    let exceeds = |span: &&&Span| wrong_duration(span, COMMON_TOLERANCE_MS).is_some();
    let with_duration = spans.iter().filter(|span| span.duration_ms.is_some()).count();
    let all_exceed = with_duration > 1 && spans.iter().filter(exceeds).count() == with_duration;
    let tolerance_ms = if all_exceed { COMMON_TOLERANCE_MS } else { DURATION_TOLERANCE_MS };
    for span in spans {
        let reason = limits
            .as_ref()
            .and_then(|limits| limits.exceeded(facts, span))
            .or_else(|| starts_before_parent(facts, span))
            .or_else(|| wrong_duration(span, tolerance_ms))
            .or_else(|| other_duration_unit(span, common_unit?));
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
        Finding::new(Code::ImpossibleTimes, message, limit(wrong.iter().map(line)))
    });
}

/// Returns the offset from UTC of the times in the rows of units; zero if these times are in UTC. A
/// service that writes local times there also writes them into its spans.
fn utc_offset_of_units(facts: &Facts<'_>) -> TimeDelta {
    let period = facts.trial().and_then(|trial| trial.period.as_ref());
    let started = facts.units.iter().filter_map(|unit| unit.started).min();
    let (Some(period), Some(started)) = (period, started) else { return TimeDelta::zero() };
    zone_offset(started - period.submitted).unwrap_or_default()
}

/// Rounds a time difference to the nearest offset that a time zone may have; `None` if that is zero or
/// more than a minute away.
fn zone_offset(difference: TimeDelta) -> Option<TimeDelta> {
    let step = ZONE_STEP.num_seconds();
    let seconds = difference.num_seconds();
    let nearest = (seconds + step / 2).div_euclid(step) * step;
    // The difference contains the time from the submission of the job to the start of the span.
    let is_near = (seconds - nearest).abs() <= 60;
    (nearest != 0 && is_near).then(|| TimeDelta::seconds(nearest))
}

/// The limits for the times of spans.
struct Limits<'a> {
    period: &'a Period,
    /// How far clocks may differ.
    tolerance: TimeDelta,
    /// The offset from UTC that the times may have, as the times in the rows of units have it.
    offset: TimeDelta,
    /// When the job had ended at the latest; `None` if its route does not wait for its end.
    job_end: Option<DateTime<Utc>>,
}

impl<'a> Limits<'a> {
    /// Returns `None` if the time of the submission is not known.
    fn new(facts: &Facts<'a>) -> Option<Self> {
        let trial = facts.trial()?;
        let period = trial.period.as_ref()?;
        // The log can be read if the server was started on this machine.
        let tolerance = if trial.server_log_read { SAME_CLOCK_TOLERANCE } else { CLOCK_TOLERANCE };
        let (spec, case) = (facts.spec, &facts.observation.case);
        let route = spec.routes.iter().find(|route| route.name == case.route);
        let is_awaited = route.is_some_and(|route| route.done.is_none() && !route.at_start);
        let job_end = facts
            .observation
            .job_ms()
            .filter(|_| is_awaited && !spec.tables.jobs.table.is_empty())
            .and_then(|ms| Some(period.submitted + TimeDelta::milliseconds(ms.try_into().ok()?)));
        Some(Self { period, tolerance, offset: utc_offset_of_units(facts), job_end })
    }

    /// Returns what is wrong if a span starts or ends outside the period, or starts after its work has
    /// ended; `None` if it does not.
    fn exceeded(&self, facts: &Facts<'_>, span: &Span) -> Option<String> {
        self.outside_period(span).or_else(|| self.starts_after_job(facts, span))
    }

    fn outside_period(&self, span: &Span) -> Option<String> {
        let (submitted, stopped) = (self.period.submitted, self.period.stopped);
        // Times in whole seconds may be up to one second too early.
        let is_exact =
            |field| span.field_text(field).is_some_and(|text: String| text.contains('.'));
        let is_outside = |at: &DateTime<Utc>, field: Field| {
            let tolerance = if is_exact(field) {
                self.tolerance
            } else {
                self.tolerance + TimeDelta::seconds(1)
            };
            let range = submitted - tolerance..=stopped + tolerance;
            !range.contains(at) && !range.contains(&(*at - self.offset))
        };
        let start = span.start().filter(|at| is_outside(at, Field::Started));
        let end = span.end().filter(|at| is_outside(at, Field::Ended));
        let (at, word) = start.map(|at| (at, "start")).or(end.map(|at| (at, "end")))?;
        if let Some(offset) = zone_offset(at - submitted) {
            let lacks_zone = span.started.as_ref().is_some_and(|time| !has_zone(&time.text));
            // A service may write local times into a column without a time zone.
            if lacks_zone && offset == local_offset() {
                return None;
            }
            let minutes = offset.num_minutes();
            return Some(format!(
                "its {word} is {minutes} minutes from the time of the job, as if in another time zone"
            ));
        }
        Some(if at < submitted {
            let ms = (submitted - at).num_milliseconds();
            format!("its {word} is {ms} ms before the job was submitted")
        } else {
            let ms = (at - stopped).num_milliseconds();
            format!("its {word} is {ms} ms after the service stopped")
        })
    }

    /// Only for the unit's own span: work may go on after the job has ended.
    fn starts_after_job(&self, facts: &Facts<'_>, span: &Span) -> Option<String> {
        let (end, start) = (self.job_end?, span.start()?);
        let own = facts.expected_spans.first()?;
        let is_own = own.is_root() && span.name.as_deref() == Some(own.name);
        let late = (start - end).min(start - self.offset - end);
        let is_local_time = zone_offset(start - self.period.submitted).is_some();
        (is_own && span.unit.is_some() && !is_local_time && late > self.tolerance)
            .then(|| format!("it starts {} ms after the job had ended", late.num_milliseconds()))
    }
}

/// Whether the text of a time contains its offset from UTC.
fn has_zone(text: &str) -> bool {
    let tail = text.get(11..).unwrap_or_default();
    text.ends_with('Z') || tail.contains(['+', '-'])
}

fn local_offset() -> TimeDelta {
    TimeDelta::seconds(i64::from(chrono::Local::now().offset().local_minus_utc()))
}

/// Returns what is wrong if a span starts before its parent; `None` if it does not.
fn starts_before_parent(facts: &Facts<'_>, span: &Span) -> Option<String> {
    let parent = span.parent.as_ref()?;
    let is_parent = |other: &&Span| other.id.as_ref() == Some(parent) && other.trace == span.trace;
    let parent = facts.spans.iter().find(is_parent)?;
    let early = parent.start()? - span.start()?;
    // Times in whole seconds may be up to one second too early.
    let is_exact = |span: &Span| span.started.as_ref().is_some_and(|time| time.text.contains('.'));
    let tolerance =
        if is_exact(parent) && is_exact(span) { START_TOLERANCE } else { TimeDelta::seconds(1) };
    (early > tolerance).then(|| {
        format!("it starts {} ms before the span that contains it", early.num_milliseconds())
    })
}

/// Returns what is wrong if the recorded duration is not end minus start, whatever its unit of time;
/// `None` if it is, or if the times are in whole seconds.
fn wrong_duration(span: &Span, tolerance_ms: f64) -> Option<String> {
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
    (!TIME_UNITS_MS.iter().any(fits))
        .then(|| format!("its duration {recorded} is end minus start ({computed} ms) in no unit"))
}

/// Returns in which unit of time most durations are recorded, as an index into the units; `None` if no
/// duration shows it.
fn common_duration_unit(spans: &[&Span]) -> Option<usize> {
    let units: Vec<usize> = spans.iter().filter_map(|span| duration_unit(span)).collect();
    (0..TIME_UNITS_MS.len())
        .max_by_key(|unit| units.iter().filter(|other| *other == unit).count())
        .filter(|unit| units.contains(unit))
}

/// Returns what is wrong if a duration is recorded in another unit of time than most; `None` if it is not.
fn other_duration_unit(span: &Span, common: usize) -> Option<String> {
    let unit = duration_unit(span).filter(|unit| *unit != common)?;
    let (recorded, names) = (span.duration_ms?, TIME_UNIT_NAMES);
    Some(format!(
        "its duration {recorded} is in {}, and those of other spans are in {}",
        names[unit], names[common]
    ))
}

/// Returns the unit of time in which the recorded duration is end minus start; `None` if the span is too
/// short to show it, or if it is not close in any unit.
fn duration_unit(span: &Span) -> Option<usize> {
    let recorded = span.duration_ms?;
    #[expect(clippy::cast_precision_loss, reason = "exact for 285 years")]
    let computed = (span.end()? - span.start()?).num_microseconds()? as f64 / 1000.0;
    let is_close = |unit: &f64| (recorded * unit - computed).abs() <= computed * TELLING_TOLERANCE;
    let is_exact = |field| span.field_text(field).is_some_and(|text| text.contains('.'));
    let is_telling =
        computed >= MIN_TELLING_MS && is_exact(Field::Started) && is_exact(Field::Ended);
    TIME_UNITS_MS.iter().position(is_close).filter(|_| is_telling)
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
        let found = zone_offset(TimeDelta::seconds(seconds));
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
