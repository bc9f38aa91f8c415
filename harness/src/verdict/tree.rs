//! Whether the spans of one unit are one tree in one trace that the upstream has seen.

use super::reading::{Reading, Span, Unit};

/// What keeps the unit's spans from being one tree; each as an evidence line.
pub(super) fn faults(reading: &Reading<'_>, unit: Unit<'_>) -> Vec<String> {
    let Some(own) = reading.rules.first() else { return Vec::new() };
    let Some(root) = reading.spans_of(unit, &own.operation).first().copied() else {
        return Vec::new();
    };
    let table = &reading.spec.tables.spans;
    let columns = [table.trace.as_str(), table.parent.as_str()];
    let mut faults = Vec::new();
    for rule in &reading.rules {
        for span in reading.spans_of(unit, &rule.operation) {
            let fault = match &rule.parent {
                _ if span.id().is_none() || span.trace().is_none() => {
                    Some("without an id or a trace".to_owned())
                }
                _ if span.trace() != root.trace() => Some("another trace".to_owned()),
                Some(parent) => misplaced(reading, unit, span, parent),
                None => uprooted(reading, unit, span),
            };
            faults.extend(fault.map(|fault| format!("{} ({fault})", span.shown(&columns))));
        }
    }
    faults.extend(unseen(reading, root.trace()));
    faults
}

/// A span below another must have that one's id as its parent.
fn misplaced(
    reading: &Reading<'_>,
    unit: Unit<'_>,
    span: Span<'_>,
    parent: &str,
) -> Option<String> {
    let parents = reading.spans_of(unit, parent);
    let joined =
        span.parent().is_some_and(|id| parents.iter().any(|p| p.id().as_ref() == Some(&id)));
    (!joined).then(|| format!("no `{parent}` of this unit has that id"))
}

/// The unit's own span has no parent, or one outside the unit that exists.
fn uprooted(reading: &Reading<'_>, unit: Unit<'_>, span: Span<'_>) -> Option<String> {
    let id = span.parent()?;
    let mut others = reading.spans.iter().filter(|other| other.unit() != unit.id());
    let found = others.any(|other| other.id().as_ref() == Some(&id));
    (!found).then(|| "no span outside this unit has that id".to_owned())
}

/// The upstream, where it was asked, must have been told the trace id.
fn unseen(reading: &Reading<'_>, trace: Option<String>) -> Option<String> {
    let header = reading.spec.tables.spans.header.as_ref()?.to_ascii_lowercase();
    let asked = &reading.evidence.exchanges;
    let trace = trace?;
    let told = |value: &String| *value == trace || value.split('-').any(|part| part == trace);
    if asked.is_empty() || asked.iter().any(|ask| ask.headers.get(&header).is_some_and(told)) {
        return None;
    }
    Some(format!("upstream: none of {} requests carried `{header}: {trace}`", asked.len()))
}
