//! The funnel: how many units (parts of a job that should leave spans) pass each stage, from the
//! execution of the unit to spans that form one trace.

use super::expected_spans::ExpectedSpans;
use super::facts::Facts;
use super::tree;
use super::tries::is_of_earlier_try;
use crate::observation::{Span, Unit, canonical_id};

/// The number of units that passed each stage. From `executed` on, each number is at most the one before it; more
/// units than expected may be executed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Funnel {
    /// Units that the job should have.
    pub expected: usize,
    /// Units that have a row in the table of units.
    pub executed: usize,
    /// Units whose spans were begun, according to the service's output. If the service does not print
    /// this, the same as `stored`.
    pub attempted: usize,
    /// Units whose required spans are all stored.
    pub stored: usize,
    /// Units whose required spans have all ended.
    pub finished: usize,
    /// Units whose required spans all contain the unit's id and agree with the unit's row.
    pub linked: usize,
    /// Units whose spans form one tree.
    pub joined: usize,
    /// Whether the spans of an existing system could not be read: then `stored` and the numbers after it are
    /// unknown.
    pub spans_unknown: bool,
}

impl Funnel {
    /// Counts the units that passed each stage.
    pub(super) fn count(facts: &Facts<'_>) -> Self {
        let executed = facts.units.len();
        // Not every span names its unit, so spans are counted, and divided by what a unit needs. The
        // span name with the fewest spans limits the number of units.
        let units_with = |count_spans: &dyn Fn(&ExpectedSpans<'_>) -> usize| {
            let units =
                |expected: &ExpectedSpans<'_>| count_spans(expected) / expected.min_per_unit();
            facts.expected_spans.iter().map(units).min().unwrap_or(0)
        };
        let with_rows = units_with(&|expected| facts.stored_count(expected));
        let begun = units_with(&|expected| facts.begun_count(expected));
        let attempted =
            if facts.spec.probes.has_attempt() { begun.max(with_rows) } else { with_rows };
        let attempted = attempted.min(executed);
        let stored = with_rows.min(attempted);
        let ended = units_with(&|expected| {
            facts.spans_named(expected.name).filter(|span| span.is_complete()).count()
        });
        let finished = ended.min(stored);
        let linked = facts.units.iter().filter(|unit| is_linked(facts, unit)).count().min(finished);
        let joined = facts
            .units
            .iter()
            .filter(|unit| is_linked(facts, unit) && tree::defects(facts, unit).is_empty())
            .count()
            .min(linked);
        Self {
            expected: facts.expected_units,
            executed,
            attempted,
            stored,
            finished,
            linked,
            joined,
            spans_unknown: has_unknown_spans(facts),
        }
    }
}

/// Whether it is unknown which spans an existing system stored, because they can't be read. `false` for a
/// trial.
pub(super) fn has_unknown_spans(facts: &Facts<'_>) -> bool {
    let is_deployment = facts.observation.deployment().is_some();
    is_deployment && facts.unreadable.is_some() && !facts.units.is_empty()
}

/// Whether the unit has each required span, and each of these spans agrees with the unit's row.
fn is_linked(facts: &Facts<'_>, unit: &Unit) -> bool {
    facts.expected_spans.iter().all(|expected| {
        let spans = facts.spans_of_unit(unit, expected.name);
        let agrees = |span: &&Span| differences(facts, span, unit).is_empty();
        spans.len() >= expected.min_per_unit() && spans.iter().all(agrees)
    })
}

/// Returns the names of the attributes in which a span differs from the row of its unit. If the spec lists
/// the unit statuses that mean success, the status texts may differ, but must both mean success or failure.
/// Success is compared only for the unit's own span: a span below it may fail and be retried. If the unit
/// was tried again, only the spans of the last try must agree with its row.
pub(super) fn differences<'a>(facts: &'a Facts<'_>, span: &'a Span, unit: &Unit) -> Vec<&'a str> {
    let tables = &facts.spec.tables;
    let compares_success = tables.compares_success();
    let status = &tables.spans.status;
    let is_unit_status = |name: &String| {
        name == status && tables.spans.attributes.get(name) == Some(&tables.units.status)
    };
    // A span that has not ended has no final status. Another check reports such a span.
    let has_final_status = span.has_ended();
    let is_compared = |name: &String| {
        let by_success = compares_success && is_unit_status(name);
        !by_success && (name != status || has_final_status)
    };
    let canonical = |value: &Option<String>| value.as_deref().map(canonical_id);
    let differs = |(name, value): &(&'a String, &Option<String>)| {
        let other = unit.span_attributes.get(*name);
        is_compared(name)
            && other.is_none_or(|other| other != *value && canonical(other) != canonical(value))
    };
    let mut names: Vec<_> =
        span.unit_attributes.iter().filter(differs).map(|(name, _)| name.as_str()).collect();
    let own_name = facts.expected_spans.first().map(|expected| expected.name);
    let is_unit_span = span.name.as_deref() == own_name;
    if compares_success && is_unit_span && has_final_status && span.failed() != unit.failed {
        names.push(status);
    }
    if !names.is_empty() && is_of_earlier_try(facts, span, unit) {
        names.clear();
    }
    names
}
