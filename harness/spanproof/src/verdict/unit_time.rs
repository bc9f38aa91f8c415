//! Compares the times of the units' own spans with the times in the rows of units. A unit is one part of a job.

use chrono::{DateTime, TimeDelta, Utc};

use super::facts::Facts;
use super::request_time::Clock;
use crate::observation::{Span, Unit};
use crate::timestamp::shifted;

/// Minimum number of spans that end together by mistake and not by chance.
const MIN_TOGETHER: usize = 3;
/// Spans that end within this time end together.
const TOGETHER: TimeDelta = TimeDelta::milliseconds(5);
/// Units whose ends are further apart than this do not end together.
const APART: TimeDelta = TimeDelta::milliseconds(100);

/// The own span of a unit, with times in UTC.
struct OwnSpan<'a> {
    span: &'a Span,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    unit_start: DateTime<Utc>,
    unit_end: DateTime<Utc>,
    /// How far the times may differ.
    tolerance: TimeDelta,
}

/// Returns the units' own spans whose times contradict those of their units, each with what is wrong. What a
/// service writes into the rows of units is its own decision, so these spans are only likely to be wrong.
///
/// `clock` tells how the times of a span are compared, and `offset` is the offset from UTC of the times of
/// units.
pub(super) fn contradictions<'a>(
    facts: &'a Facts<'_>,
    clock: impl Fn(&Span) -> Option<Clock>,
    offset: TimeDelta,
) -> Vec<(&'a Span, String)> {
    let Some(own) = facts.expected_spans.first().filter(|own| own.is_root()) else {
        return Vec::new();
    };
    let of_unit = |unit: &'a Unit| -> Vec<OwnSpan<'a>> {
        let spans = facts.spans_of_unit(unit, own.name).into_iter();
        spans.filter_map(|span| OwnSpan::new(span, unit, clock(span)?, offset)).collect()
    };
    let by_unit: Vec<Vec<OwnSpan<'_>>> = facts.units.iter().map(of_unit).collect();
    let outside: Vec<_> = by_unit.iter().flat_map(|spans| outside_unit(spans)).collect();
    if outside.is_empty() { end_together(&by_unit) } else { outside }
}

impl<'a> OwnSpan<'a> {
    /// Returns `None` if a time is missing, or if the unit is too short: its row may have been written at once,
    /// after the work.
    fn new(span: &'a Span, unit: &Unit, clock: Clock, offset: TimeDelta) -> Option<Self> {
        let (unit_start, unit_end) = (unit.started?, unit.ended?);
        // Times in whole seconds may be up to one second too early.
        let is_rounded = |at: DateTime<Utc>| at.timestamp_subsec_nanos() == 0;
        let rounding = if is_rounded(unit_start) && is_rounded(unit_end) {
            TimeDelta::seconds(1)
        } else {
            TimeDelta::zero()
        };
        let tolerance = clock.tolerance + rounding;
        (unit_end - unit_start > tolerance).then_some(Self {
            span,
            start: clock.utc(span.start()?),
            end: clock.utc(span.end()?),
            unit_start: shifted(unit_start, -offset),
            unit_end: shifted(unit_end, -offset),
            tolerance,
        })
    }

    /// Returns what is wrong if the span and the unit have no time in common.
    fn outside_unit(&self) -> Option<String> {
        let late = self.start - self.unit_end;
        let early = self.unit_start - self.end;
        let (by, text) = if late > early {
            (late, "it starts {} after its unit had ended")
        } else {
            (early, "it ends {} before its unit started")
        };
        let ms = format!("{} ms", by.num_milliseconds());
        (by > self.tolerance).then(|| text.replace("{}", &ms))
    }
}

/// Returns a unit's spans if none of them has a time in common with the unit. The row of a unit that was tried
/// again has the times of its last attempt, so one span of several is enough.
fn outside_unit<'a>(spans: &[OwnSpan<'a>]) -> Vec<(&'a Span, String)> {
    let reasons = spans.iter().map(|own| Some((own.span, own.outside_unit()?)));
    reasons.collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// Returns the spans that end some time after their units, if all spans of a case end at the same moment and
/// the units do not: these spans may have been ended when they were written.
fn end_together<'a>(by_unit: &[Vec<OwnSpan<'a>>]) -> Vec<(&'a Span, String)> {
    let all: Vec<_> = by_unit.iter().flatten().collect();
    let spread = |time: fn(&OwnSpan<'_>) -> DateTime<Utc>| {
        let times = || all.iter().map(|own| time(own));
        times().max().zip(times().min()).map_or(TimeDelta::zero(), |(last, first)| last - first)
    };
    let is_together = all.len() >= MIN_TOGETHER && spread(|own| own.end) <= TOGETHER;
    if !is_together || spread(|own| own.unit_end) <= APART {
        return Vec::new();
    }
    let late = all.iter().filter(|own| own.end - own.unit_end > own.tolerance);
    let reason = |own: &&&OwnSpan<'a>| {
        let ms = (own.end - own.unit_end).num_milliseconds();
        let others = all.len() - 1;
        format!("it ends together with {others} others, {ms} ms after its unit had ended")
    };
    late.map(|own| (own.span, reason(&own))).collect()
}
