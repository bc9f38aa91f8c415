//! How many units survive each stage from the work to the joined trace.

use serde::{Deserialize, Serialize};

use super::reading::{Reading, Span, Unit};
use super::tree;

/// Units per stage; each number is at most the one before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    pub(super) fn of(reading: &Reading<'_>) -> Self {
        let executed = reading.units.len();
        let least = |count: &dyn Fn(&str) -> usize| {
            let counts = reading.rules.iter().map(|rule| count(&rule.operation));
            counts.min().unwrap_or(0)
        };
        let rows = least(&|operation| reading.of_operation(operation).count());
        let begun = least(&|operation| reading.attempts(operation));
        let attempted = if reading.spec.probes.knows_attempts() { begun.max(rows) } else { rows };
        let attempted = attempted.min(executed);
        let stored = rows.min(attempted);
        let ended = least(&|operation| {
            reading.of_operation(operation).filter(|span| span.unfinished().is_none()).count()
        });
        let finished = ended.min(stored);
        let linked =
            reading.units.iter().filter(|unit| is_linked(reading, **unit)).count().min(finished);
        let joined = reading
            .units
            .iter()
            .filter(|unit| is_linked(reading, **unit) && tree::faults(reading, **unit).is_empty())
            .count()
            .min(linked);
        Self { expected: reading.expected, executed, attempted, stored, finished, linked, joined }
    }
}

/// Whether the unit has each of its spans, and each agrees with it.
fn is_linked(reading: &Reading<'_>, unit: Unit<'_>) -> bool {
    reading.rules.iter().all(|rule| {
        let spans = reading.spans_of(unit, &rule.operation);
        !spans.is_empty() && spans.iter().all(|span| differences(reading, *span, unit).is_empty())
    })
}

/// The linking columns in which a span differs from its unit.
pub(super) fn differences(reading: &Reading<'_>, span: Span<'_>, unit: Unit<'_>) -> Vec<String> {
    let link = &reading.spec.tables.spans.link;
    let of = |row, column: &String| crate::evidence::text(row, column);
    link.iter()
        .filter(|(own, other)| of(span.row, own) != of(unit.row, other))
        .map(|(own, _)| own.clone())
        .collect()
}
