//! Checks recorded durations against the times of the spans. It is not known in which unit of time a service
//! records durations; spans that are long enough show it. In this file, a unit is a unit of time.

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
/// A duration that was rounded to whole milliseconds differs by less than this from end minus start.
const ROUNDING_MS: f64 = 1.0;

/// The durations of the spans of a case.
pub(super) struct Durations {
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
        let comparable: Vec<_> = spans.iter().filter_map(|span| comparable(span)).collect();
        let fits = |(recorded, computed): &(f64, f64)| {
            is_near(*recorded, *computed, (computed * DURATION_TOLERANCE).max(ROUNDING_MS))
        };
        let none_fits = comparable.len() >= MIN_COMPARABLE && !comparable.iter().any(fits);
        let units: Vec<_> = spans.iter().filter_map(|span| unit(span)).collect();
        let common_unit = TimeUnit::most_common(&units);
        let computed_unit = common_unit.filter(|unit| are_computed(&comparable, *unit));
        Self { tolerance_ms, none_fits, common_unit, computed_unit }
    }

    /// Returns what is wrong if the duration of a span is not end minus start in any unit of time; `None` if
    /// it is, or if the times are in whole seconds.
    pub(super) fn wrong(&self, span: &Span) -> Option<String> {
        let none_fits = comparable(span).filter(|_| self.none_fits);
        let text = none_fits.map(|(recorded, computed)| in_no_unit(recorded, computed));
        text.or_else(|| wrong(span, self.tolerance_ms)).or_else(|| self.not_computed(span))
    }

    /// Returns what is wrong if a duration is not end minus start, although the durations of other spans are
    /// exactly that, so they are computed and not measured. `None` if the duration is end minus start, maybe
    /// in a different unit, which is reported separately.
    fn not_computed(&self, span: &Span) -> Option<String> {
        let computed_unit = self.computed_unit?;
        let (recorded, computed) = comparable(span)?;
        let differs = (in_ms(recorded, computed_unit) - computed).abs() > ROUNDING_MS;
        (differs && unit(span).is_none()).then(|| {
            let unit = computed_unit.name();
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
/// far. Takes pairs of the recorded duration and end minus start.
fn are_computed(comparable: &[(f64, f64)], unit: TimeUnit) -> bool {
    let difference = |(recorded, computed): &&(f64, f64)| (in_ms(*recorded, unit) - computed).abs();
    let exact = comparable.iter().filter(|pair| difference(pair) <= EXACT_MS);
    let exact: Vec<_> = exact.collect();
    let is_whole = exact.iter().all(|(recorded, _)| recorded.fract() == 0.0);
    let far = comparable.iter().filter(|pair| difference(pair) > ROUNDING_MS).count();
    exact.len() >= MIN_EXACT[usize::from(is_whole)] && exact.len() + far == comparable.len()
}

fn wrong(span: &Span, tolerance_ms: f64) -> Option<String> {
    let (recorded, computed) = recorded_and_computed(span)?;
    let tolerance = (computed * DURATION_TOLERANCE).max(tolerance_ms);
    (!is_near(recorded, computed, tolerance)).then(|| in_no_unit(recorded, computed))
}

/// Returns the recorded duration, and end minus start in milliseconds; `None` if one of them is not known or
/// negative, or if the times are in whole seconds.
fn recorded_and_computed(span: &Span) -> Option<(f64, f64)> {
    let (start, end, recorded) = (span.start()?, span.end()?, span.duration_ms?);
    let is_exact = [&span.started, &span.ended].into_iter().flatten().any(Time::is_exact);
    #[expect(clippy::cast_precision_loss, reason = "exact for 285 years")]
    let computed = (end - start).num_microseconds()? as f64 / 1000.0;
    (recorded >= 0.0 && computed >= 0.0 && is_exact).then_some((recorded, computed))
}

/// Returns the same as [`recorded_and_computed`]; `None` also if the span is too short to compare, or if its
/// duration is 0: a service may fill the column with zeros.
fn comparable(span: &Span) -> Option<(f64, f64)> {
    recorded_and_computed(span)
        .filter(|(recorded, computed)| *recorded > 0.0 && *computed >= MIN_COMPARABLE_MS)
}

/// Whether a recorded duration is end minus start (`computed`) in any unit, up to a tolerance in
/// milliseconds.
fn is_near(recorded: f64, computed: f64, tolerance: f64) -> bool {
    let fits = |unit: TimeUnit| (in_ms(recorded, unit) - computed).abs() <= tolerance;
    TimeUnit::ALL.into_iter().any(fits)
}

fn in_no_unit(recorded: f64, computed: f64) -> String {
    format!("its duration {recorded} is not end minus start ({computed} ms) in any unit")
}

/// Returns the unit of time in which the recorded duration is end minus start; `None` if the span is too
/// short to show it, or if it is not close in any unit.
fn unit(span: &Span) -> Option<TimeUnit> {
    let recorded = span.duration_ms?;
    #[expect(clippy::cast_precision_loss, reason = "exact for 285 years")]
    let computed = (span.end()? - span.start()?).num_microseconds()? as f64 / 1000.0;
    let is_close =
        |unit: &TimeUnit| (in_ms(recorded, *unit) - computed).abs() <= computed * UNIT_TOLERANCE;
    let is_long_enough = computed >= MIN_UNIT_MS
        && [&span.started, &span.ended].into_iter().flatten().all(Time::is_exact);
    TimeUnit::ALL.into_iter().find(is_close).filter(|_| is_long_enough)
}

/// Converts a number in this unit to milliseconds.
fn in_ms(number: f64, unit: TimeUnit) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "powers of ten up to 10⁹ are exact")]
    let per_second = unit.per_second() as f64;
    number * 1000.0 / per_second
}
