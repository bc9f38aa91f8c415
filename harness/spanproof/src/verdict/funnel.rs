//! How many units survive each stage from the work to the joined trace.

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
        let least = |count: &dyn Fn(&str) -> usize| {
            let counts = facts.rules.iter().map(|rule| count(&rule.name));
            counts.min().unwrap_or(0)
        };
        let rows = least(&|operation| facts.of_operation(operation).count());
        let begun = least(&|operation| facts.attempts(operation));
        let attempted = if facts.spec.probes.has_attempt() { begun.max(rows) } else { rows };
        let attempted = attempted.min(executed);
        let stored = rows.min(attempted);
        let ended = least(&|operation| {
            facts.of_operation(operation).filter(|span| span.is_complete()).count()
        });
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
        let spans = facts.spans_of(unit, &rule.name);
        !spans.is_empty() && spans.iter().all(|span| differences(span, unit).is_empty())
    })
}

/// The linking fields in which a span differs from its unit.
pub(super) fn differences<'a>(span: &'a Span, unit: &Unit) -> Vec<&'a str> {
    let differs = |(name, value): &(&'a String, &Option<String>)| {
        unit.span_attributes.get(*name).is_none_or(|other| other != *value)
    };
    span.unit_attributes.iter().filter(differs).map(|(name, _)| name.as_str()).collect()
}
