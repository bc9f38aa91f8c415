//! How many units survive each stage from the work to the joined trace.

use super::expectation::Expected;
use super::facts::Facts;
use super::tree;
use crate::observation::{Span, Unit};

/// Units per stage; each number is at most the one before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Funnel {
    /// Units the job has.
    pub expected: usize,
    /// Units with a row of work.
    pub executed: usize,
    /// Units whose spans were begun; taken from the rows where the service does not say.
    pub attempted: usize,
    /// Units whose every expected span has a row.
    pub stored: usize,
    /// Units whose every span has an end.
    pub finished: usize,
    /// Units whose every span names them and agrees with them.
    pub linked: usize,
    /// Units whose spans are one tree.
    pub joined: usize,
}

impl Funnel {
    pub(super) fn of(facts: &Facts<'_>) -> Self {
        let executed = facts.units.len();
        let least = |count: &dyn Fn(&Expected<'_>) -> usize| {
            let counts = facts.rules.iter().map(|rule| count(rule) / rule.per_unit());
            counts.min().unwrap_or(0)
        };
        let rows = least(&|rule| facts.stored(rule));
        let begun = least(&|rule| facts.begun(rule));
        let attempted = if facts.spec.probes.has_attempt() { begun.max(rows) } else { rows };
        let attempted = attempted.min(executed);
        let stored = rows.min(attempted);
        let ended =
            least(&|rule| facts.of_operation(rule.name).filter(|span| span.is_complete()).count());
        let finished = ended.min(stored);
        let linked = facts.units.iter().filter(|unit| is_linked(facts, unit)).count().min(finished);
        let joined = facts
            .units
            .iter()
            .filter(|unit| is_linked(facts, unit) && tree::faults(facts, unit).is_empty())
            .count()
            .min(linked);
        Self { expected: facts.expected, executed, attempted, stored, finished, linked, joined }
    }
}

/// Whether the unit has each of its spans, and each agrees with it.
fn is_linked(facts: &Facts<'_>, unit: &Unit) -> bool {
    facts.rules.iter().all(|rule| {
        let spans = facts.spans_of(unit, rule.name);
        let agrees = |span: &&Span| differences(facts, span, unit).is_empty();
        spans.len() >= rule.per_unit() && spans.iter().all(agrees)
    })
}

/// The attributes in which a span differs from its unit. If the spec lists the statuses that mean
/// success, success is compared and not the words, and only of the unit's own span: a span inside it
/// may fail and be tried again.
pub(super) fn differences<'a>(facts: &'a Facts<'_>, span: &'a Span, unit: &Unit) -> Vec<&'a str> {
    let tables = &facts.spec.tables;
    let by_success = tables.compares_success();
    let status = &tables.spans.status;
    let is_unit_status = |name: &String| {
        name == status && tables.spans.attributes.get(name) == Some(&tables.units.status)
    };
    let differs = |(name, value): &(&'a String, &Option<String>)| {
        let skipped = by_success && is_unit_status(name);
        // The status of a span that has not ended is another finding.
        let skipped = skipped || (*name == status && !span.has_ended());
        !skipped && unit.span_attributes.get(*name).is_none_or(|other| other != *value)
    };
    let mut found: Vec<_> =
        span.unit_attributes.iter().filter(differs).map(|(name, _)| name.as_str()).collect();
    let is_own = span.name.as_deref() == facts.rules.first().map(|rule| rule.name);
    // The status of a span that has not ended is another finding.
    if by_success && is_own && span.has_ended() && span.failed() != unit.failed {
        found.push(status);
    }
    found
}
