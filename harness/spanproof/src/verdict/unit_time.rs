//! Compares the times of units' own spans with the times in the rows of units. A unit is one part of a job.

use chrono::{DateTime, TimeDelta, Utc};

use super::facts::Facts;
use super::other_zone::zone_offset;
use crate::observation::{Span, Unit};
use spanproof_format::count_phrase;

/// Minimum number of spans that end together by mistake and not by chance.
const MIN_TOGETHER: usize = 3;
/// Spans that end within this time end together.
const TOGETHER: TimeDelta = TimeDelta::milliseconds(5);
/// Units whose ends are further apart than this do not end together.
const APART: TimeDelta = TimeDelta::milliseconds(100);

/// The times of a unit and of its own span, in UTC.
struct OwnSpan {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    unit_start: DateTime<Utc>,
    unit_end: DateTime<Utc>,
}

/// Returns a remark if the times of units' own spans do not fit those of the units; `None` if they do.
///
/// This is no proof of a defect: the service decides what it writes into the rows of units.
pub(super) fn remark(facts: &Facts<'_>, tolerance: TimeDelta) -> Option<String> {
    let own = facts.expected_spans.first().filter(|own| own.is_root())?;
    let of_unit = |unit: &Unit| -> Vec<OwnSpan> {
        let spans = facts.spans_of_unit(unit, own.name).into_iter();
        spans.filter_map(|span| OwnSpan::new(span, unit)).collect()
    };
    let by_unit: Vec<Vec<OwnSpan>> = facts.units.iter().map(of_unit).collect();
    let name = format!("`{}`", own.name);
    outside_units(&by_unit, tolerance, &name).or_else(|| end_together(&by_unit, tolerance, &name))
}

impl OwnSpan {
    /// Returns `None` if a time is missing or has no time zone.
    fn new(span: &Span, unit: &Unit) -> Option<Self> {
        let (unit_start, unit_end) = (unit.started?, unit.ended?);
        let (start, end) = (span.started.as_ref()?.zoned()?, span.ended.as_ref()?.zoned()?);
        Some(Self { start, end, unit_start, unit_end })
    }

    /// Returns how long before its unit the span ends, or how long after its unit it starts; `None` if they
    /// have time in common. A difference that may be the offset of a time zone says nothing.
    fn distance(&self, tolerance: TimeDelta) -> Option<TimeDelta> {
        let distance = (self.start - self.unit_end).max(self.unit_start - self.end);
        (distance > tolerance && zone_offset(distance).is_none()).then_some(distance)
    }
}

/// Returns a remark if units and their own spans have no time in common. The row of a unit that was tried again
/// has the times of its last try, so one span of several is enough.
fn outside_units(by_unit: &[Vec<OwnSpan>], tolerance: TimeDelta, name: &str) -> Option<String> {
    let distance = |spans: &Vec<OwnSpan>| {
        let distances = spans.iter().map(|span| span.distance(tolerance));
        distances.collect::<Option<Vec<_>>>()?.into_iter().min()
    };
    let outside: Vec<TimeDelta> = by_unit.iter().filter_map(distance).collect();
    let ms = outside.iter().max()?.num_milliseconds();
    let units = count_phrase(outside.len(), "unit has", "units have");
    Some(format!(
        "{units} no time in common with {name}, up to {ms} ms: the row or the span has wrong times, unless the \
         span is about other work"
    ))
}

/// Returns a remark if all spans end at the same moment, and some of them after their units, which do not end
/// together.
fn end_together(by_unit: &[Vec<OwnSpan>], tolerance: TimeDelta, name: &str) -> Option<String> {
    let all: Vec<_> = by_unit.iter().flatten().collect();
    let spread = |time: fn(&OwnSpan) -> DateTime<Utc>| {
        let times = || all.iter().map(|own| time(own));
        times().max().zip(times().min()).map_or(TimeDelta::zero(), |(last, first)| last - first)
    };
    let late = all.iter().map(|own| own.end - own.unit_end).max()?;
    let are_together = all.len() >= MIN_TOGETHER && spread(|own| own.end) <= TOGETHER;
    let are_wrong = are_together && spread(|own| own.unit_end) > APART && late > tolerance;
    (are_wrong && zone_offset(late).is_none()).then(|| {
        let (count, ms) = (all.len(), late.num_milliseconds());
        format!(
            "all {count} {name} spans end at the same moment, up to {ms} ms after their units: they are ended too \
             late, unless they wait for each other"
        )
    })
}
