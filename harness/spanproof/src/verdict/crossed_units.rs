//! Finds spans that contain the id of a wrong unit (a unit is one part of a job), by their numbers: the
//! surplus of spans in some units is exactly what other units lack. A service may reuse the id of its first
//! or last unit. Such spans are not duplicates, and their status and parents can't be compared with those of
//! the unit.

use std::collections::BTreeSet;

use super::evidence::{Evidence, limit};
use super::expected_spans::ExpectedSpans;
use super::facts::Facts;
use super::finding::{Checks, Finding};
use crate::observation::{Field, Span, Unit};
use spanproof_format::{Code, Confidence, count_phrase};

/// Returns the ids of the units that also have the spans of other units.
pub(super) fn units_with_spans_of_others<'a>(facts: &'a Facts<'_>) -> BTreeSet<&'a str> {
    let crossed = facts.expected_spans.iter().filter_map(|expected| Crossed::find(facts, expected));
    crossed.flat_map(|crossed| crossed.full).filter_map(|unit| unit.id.as_deref()).collect()
}

/// Checks that no unit has the spans of other units; returns whether this holds.
pub(super) fn check_units(facts: &Facts<'_>, checks: &mut Checks) -> bool {
    let mut all = facts.expected_spans.iter();
    let crossed = all.find_map(|expected| Some((expected.name, Crossed::find(facts, expected)?)));
    let Some((name, crossed)) = crossed else {
        checks.count(1);
        return true;
    };
    checks.expect_each(false, || crossed.finding(facts, name));
    false
}

/// Units with too many spans of one name, and units without any.
struct Crossed<'a> {
    /// The units with too many spans.
    full: Vec<&'a Unit>,
    /// The spans of these units.
    spans: Vec<&'a Span>,
    /// The units without a span.
    empty: Vec<&'a Unit>,
}

impl<'a> Crossed<'a> {
    /// Finds these units for one span name; `None` if the numbers of missing and of surplus spans differ, or
    /// if no unit lacks its spans.
    fn find(facts: &'a Facts<'_>, expected: &ExpectedSpans<'_>) -> Option<Self> {
        let max = expected.max_per_unit?;
        let count = |unit: &&Unit| facts.spans_of_unit(unit, expected.name).len();
        let empty: Vec<_> = facts.units.iter().filter(|unit| count(unit) == 0).collect();
        let full: Vec<_> = facts.units.iter().filter(|unit| count(unit) > max).collect();
        let surplus: usize = full.iter().map(|unit| count(unit) - max).sum();
        if empty.is_empty() || surplus != empty.len() * expected.min_per_unit() {
            return None;
        }
        let spans = full.iter().flat_map(|unit| facts.spans_of_unit(unit, expected.name)).collect();
        Some(Self { full, spans, empty })
    }

    /// Whether each unit without a span ran at the time of one of these spans.
    fn times_fit(&self) -> bool {
        self.empty.iter().all(|unit| {
            let (Some(started), Some(ended)) = (unit.started, unit.ended) else { return false };
            self.spans.iter().filter_map(|span| span.start()).any(|at| started <= at && at <= ended)
        })
    }

    fn finding(&self, facts: &Facts<'_>, name: &str) -> Finding {
        let (count, empty) = (self.spans.len(), self.empty.len());
        let ids = match self.full.len() {
            1 => "the id of one unit".to_owned(),
            full => format!("the ids of {full} units"),
        };
        let units = count_phrase(empty, "unit has", "units have");
        let message = format!("{count} `{name}` spans have {ids}, and {units} none");
        let fields = [Field::Trace, Field::Unit, Field::Started];
        let spans = limit(self.spans.iter().map(|span| Evidence::span(facts, span, &fields)));
        let units = limit(self.empty.iter().map(|unit| Evidence::unit(facts, unit)));
        let mut finding = Finding::new(Code::Unlinked, message, [spans, units].concat());
        // If the times do not fit, the surplus spans may be duplicates, and the spans of the other units
        // lost.
        if !self.times_fit() {
            finding.confidence = Confidence::Likely;
        }
        finding
    }
}
