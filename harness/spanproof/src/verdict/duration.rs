//! Checks recorded durations against the times of the spans. It is not known in which unit of time a service
//! records durations; spans that are long enough show it. In this file, a unit is a unit of time.

use chrono::TimeDelta;

use crate::observation::{Span, Time};
use crate::timestamp::TimeUnit;

/// How many milliseconds a recorded duration may differ from end minus start. A service may measure
/// them at different moments, and be suspended in between.
const DURATION_TOLERANCE_MS: f64 = 250.0;
/// The smaller tolerance that is used if every duration of the case exceeds it: the service can't have been
/// suspended during every span.
const COMMON_TOLERANCE_MS: f64 = 10.0;
/// How much a recorded duration may differ from end minus start, as a fraction of end minus start.
const DURATION_TOLERANCE: f64 = 0.25;
/// Minimum length of a span that shows in which unit of time its duration is recorded, in milliseconds.
const MIN_UNIT_MS: f64 = 0.5;
/// How much the duration of such a span may differ from end minus start, as a fraction of end minus start.
const UNIT_TOLERANCE: f64 = 0.1;
/// Minimum number of spans that are long enough to compare: the service can't have been suspended during all
/// of them.
const MIN_COMPARABLE: usize = 4;
/// Minimum length of a span that is long enough to compare, in milliseconds.
const MIN_COMPARABLE_MS: f64 = 2.0;
/// Tolerance for a duration that is computed from the start and the end: the times are in whole microseconds.
const EXACT_MS: f64 = 0.002;
/// Minimum number of exact durations that can't be a coincidence: if one of them has a fraction, and if all
/// are whole numbers.
const MIN_EXACT: [usize; 2] = [3, 6];
/// Times that are rounded to whole seconds can't be compared with durations.
const MAX_ROUNDING_MS: f64 = 1000.0;
/// A duration that was rounded to whole milliseconds differs by less than this from end minus start.
const ROUNDING_MS: f64 = 1.0;

/// The durations of the spans of a case.
pub(super) struct Durations {
    /// Whether all durations may be rounded to whole seconds. They say nothing about shorter spans then.
    in_whole_seconds: bool,
    /// How many milliseconds a duration may differ from end minus start.
    tolerance_ms: f64,
    /// Whether no duration of a span that is long enough to compare is near end minus start, in any unit.
    none_fits: bool,
    /// The unit of most durations; `None` if no duration shows it.
    common_unit: Option<TimeUnit>,
    /// The unit of durations that are computed from the start and the end; `None` if they are measured
    /// separately.
    computed_unit: Option<TimeUnit>,
}

impl Durations {
    pub(super) fn new(spans: &[&Span]) -> Self {
        let exceeds = |span: &&&Span| wrong(span, COMMON_TOLERANCE_MS).is_some();
        let with_duration = spans.iter().filter(|span| span.duration_ms.is_some()).count();
        let all_exceed = with_duration > 1 && spans.iter().filter(exceeds).count() == with_duration;
        let tolerance_ms = if all_exceed { COMMON_TOLERANCE_MS } else { DURATION_TOLERANCE_MS };
        let comparable: Vec<_> =
            spans.iter().filter_map(|span| Lengths::comparable(span)).collect();
        let none_fits = comparable.len() >= MIN_COMPARABLE
            && !comparable.iter().any(|lengths| lengths.are_near(ROUNDING_MS));
        let units: Vec<_> = spans.iter().filter_map(|span| unit(span)).collect();
        let mut all = spans.iter().filter_map(|span| Lengths::of(span));
        let in_whole_seconds = all.all(Lengths::fits_whole_seconds);
        let common_unit = TimeUnit::most_common(&units);
        let computed_unit = common_unit.filter(|unit| are_computed(&comparable, *unit));
        Self { in_whole_seconds, tolerance_ms, none_fits, common_unit, computed_unit }
    }

    /// Returns what is wrong if the duration of a span is not end minus start in any unit of time; `None` if
    /// it is, or if the times or the durations are in whole seconds.
    pub(super) fn wrong(&self, span: &Span) -> Option<String> {
        if self.in_whole_seconds {
            return None;
        }
        let none_fits = Lengths::comparable(span).filter(|_| self.none_fits);
        let text = none_fits.map(Lengths::in_no_unit);
        text.or_else(|| wrong(span, self.tolerance_ms)).or_else(|| self.not_computed(span))
    }

    /// Returns what is wrong if a duration is not end minus start, although the durations of other spans are
    /// exactly that, so they are computed and not measured. `None` if the duration is end minus start, maybe
    /// in a different unit, which is reported separately.
    fn not_computed(&self, span: &Span) -> Option<String> {
        let computed_unit = self.computed_unit?;
        let lengths = Lengths::comparable(span)?;
        let differs = lengths.difference(computed_unit) > ROUNDING_MS.max(lengths.rounding);
        (differs && unit(span).is_none()).then(|| {
            let (Lengths { recorded, computed, .. }, unit) = (lengths, computed_unit.name());
            format!(
                "its duration {recorded} is not end minus start ({computed} ms), and the durations of other \
                 spans are exactly end minus start, in {unit}"
            )
        })
    }

    /// Returns what is wrong if a duration is recorded in a different unit of time from most; `None` if it
    /// is not.
    pub(super) fn other_unit(&self, span: &Span) -> Option<String> {
        let common = self.common_unit?;
        let unit = unit(span).filter(|unit| *unit != common)?;
        let recorded = span.duration_ms?;
        Some(format!(
            "its duration {recorded} is in {}, and those of other spans are in {}",
            unit.name(),
            common.name()
        ))
    }
}

/// Whether durations are computed from the start and the end: each is exactly end minus start, or differs by
/// far.
fn are_computed(comparable: &[Lengths], unit: TimeUnit) -> bool {
    let exact = comparable.iter().filter(|lengths| lengths.difference(unit) <= EXACT_MS);
    let exact: Vec<_> = exact.collect();
    let is_whole = exact.iter().all(|lengths| lengths.recorded.fract() == 0.0);
    let far = comparable.iter().filter(|lengths| lengths.difference(unit) > ROUNDING_MS).count();
    exact.len() >= MIN_EXACT[usize::from(is_whole)] && exact.len() + far == comparable.len()
}

fn wrong(span: &Span, tolerance_ms: f64) -> Option<String> {
    let is_exact = |lengths: &Lengths| lengths.rounding < MAX_ROUNDING_MS;
    let lengths = Lengths::of(span).filter(is_exact)?;
    (!lengths.are_near(tolerance_ms)).then(|| lengths.in_no_unit())
}

/// How long a span took, by two sources.
#[derive(Clone, Copy)]
struct Lengths {
    /// The recorded duration, in an unknown unit.
    recorded: f64,
    /// End minus start, in milliseconds.
    computed: f64,
    /// How much of this difference may be due to rounded times, in milliseconds. They are usually rounded in
    /// the same way.
    rounding: f64,
}

impl Lengths {
    /// Returns `None` if the duration, the start or the end is not known, or if a length is negative.
    fn of(span: &Span) -> Option<Self> {
        let (start, end, recorded) = (span.start()?, span.end()?, span.duration_ms?);
        let computed = milliseconds(end - start);
        let times = [&span.started, &span.ended].into_iter().flatten();
        let rounding = milliseconds(times.map(Time::rounding).max()?);
        (recorded >= 0.0 && computed >= 0.0).then_some(Self { recorded, computed, rounding })
    }

    /// Returns `None` also if the span is too short to compare, or if its duration is 0: a service may fill the
    /// column with zeros.
    fn comparable(span: &Span) -> Option<Self> {
        Self::of(span)
            .filter(|lengths| lengths.recorded > 0.0 && lengths.is_longer_than(MIN_COMPARABLE_MS))
    }

    /// Whether the span is not shorter than this, and takes so long that its length is not due to rounding.
    fn is_longer_than(self, ms: f64) -> bool {
        self.rounding < MAX_ROUNDING_MS && self.computed >= ms.max(self.rounding * 2.0)
    }

    /// Whether the lengths are about the same in any unit.
    fn are_near(self, tolerance_ms: f64) -> bool {
        let tolerance = (self.computed * DURATION_TOLERANCE).max(tolerance_ms).max(self.rounding);
        TimeUnit::ALL.into_iter().any(|unit| self.difference(unit) <= tolerance)
    }

    /// Returns the difference in milliseconds if the duration is recorded in this unit.
    fn difference(self, unit: TimeUnit) -> f64 {
        (in_ms(self.recorded, unit) - self.computed).abs()
    }

    /// Whether the recorded duration may be in seconds, rounded in any direction.
    fn fits_whole_seconds(self) -> bool {
        let tolerance = MAX_ROUNDING_MS + self.rounding;
        self.recorded.fract() == 0.0 && self.difference(TimeUnit::Seconds) <= tolerance
    }

    fn in_no_unit(self) -> String {
        let Self { recorded, computed, .. } = self;
        format!("its duration {recorded} is not end minus start ({computed} ms) in any unit")
    }
}

/// Returns the unit of time in which the recorded duration is end minus start; `None` if the span is too
/// short to show it, or if it is not close in any unit.
fn unit(span: &Span) -> Option<TimeUnit> {
    let lengths = Lengths::of(span).filter(|lengths| lengths.is_longer_than(MIN_UNIT_MS))?;
    let is_close = |unit: &TimeUnit| lengths.difference(*unit) <= lengths.computed * UNIT_TOLERANCE;
    TimeUnit::ALL.into_iter().find(is_close)
}

#[expect(clippy::cast_precision_loss, reason = "exact for 285 years")]
fn milliseconds(time: TimeDelta) -> f64 {
    time.num_microseconds().unwrap_or(i64::MAX) as f64 / 1000.0
}

/// Converts a number in this unit to milliseconds.
fn in_ms(number: f64, unit: TimeUnit) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "powers of ten up to 10⁹ are exact")]
    let per_second = unit.per_second() as f64;
    number * 1000.0 / per_second
}
