//! Whether the spans of one unit are one tree in one trace that the upstream has seen.

use super::reading::{Reading, Unit};

/// What keeps the unit's spans from being one tree; each as an evidence line.
pub(super) fn faults(reading: &Reading<'_>, unit: Unit<'_>) -> Vec<String> {
    let table = &reading.spec.tables.spans;
    let columns = [table.trace.as_str(), table.parent.as_str()];
    let mut faults = Vec::new();
    let Some(own) = reading.rules.first() else { return faults };
    let roots = reading.spans_of(unit, &own.operation);
    let Some(root) = roots.first() else { return faults };
    for rule in &reading.rules {
        for span in reading.spans_of(unit, &rule.operation) {
            if span.trace() != root.trace() {
                faults.push(format!("{} (another trace)", span.shown(&columns)));
            } else if let Some(parent) = &rule.parent {
                let parents = reading.spans_of(unit, parent);
                let joined = span
                    .parent()
                    .is_some_and(|id| parents.iter().any(|p| p.id().as_ref() == Some(&id)));
                if !joined {
                    faults.push(format!("{} (no `{parent}` has that id)", span.shown(&columns)));
                }
            } else if let Some(id) = span.parent()
                && !reading.spans.iter().any(|other| other.id().as_ref() == Some(&id))
            {
                faults.push(format!("{} (no span has that id)", span.shown(&columns)));
            }
        }
    }
    faults.extend(unseen(reading, root.trace()));
    faults
}

/// The upstream, where it was asked, must have been told the trace id.
fn unseen(reading: &Reading<'_>, trace: Option<String>) -> Option<String> {
    let header = reading.spec.tables.spans.header.as_ref()?.to_ascii_lowercase();
    let asked = &reading.evidence.exchanges;
    let calls = reading.rules.iter().any(|rule| rule.parent.is_some());
    let seen = asked.iter().any(|exchange| exchange.headers.get(&header) == trace.as_ref());
    if !calls || asked.is_empty() || seen {
        return None;
    }
    let trace = trace.unwrap_or_else(|| "null".into());
    Some(format!("upstream: none of {} requests carried `{header}: {trace}`", asked.len()))
}
