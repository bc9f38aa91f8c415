//! Whether the spans of one unit are one tree in one trace that the upstream has seen.

use super::evidence::Evidence;
use super::facts::Facts;
use crate::observation::{Field, Span, Unit};

/// What keeps the unit's spans from being one tree.
pub(super) fn faults(facts: &Facts<'_>, unit: &Unit) -> Vec<Evidence> {
    let Some(own) = facts.rules.first() else { return Vec::new() };
    let Some(root) = facts.spans_of(unit, &own.name).first().copied() else {
        return Vec::new();
    };
    let mut faults = Vec::new();
    let optional = facts.spec.spans.iter().filter(|rule| rule.optional);
    for rule in facts.rules.iter().copied().chain(optional) {
        for span in facts.spans_of(unit, &rule.name) {
            let fault = match &rule.parent {
                _ if span.id.is_none() || span.trace.is_none() => {
                    Some("without an id or a trace".to_owned())
                }
                _ if span.trace != root.trace => Some("another trace".to_owned()),
                Some(parent) => misplaced(facts, unit, span, parent),
                None => uprooted(facts, unit, span),
            };
            faults.extend(fault.map(|remark| faulty(facts, span, remark)));
        }
    }
    faults.extend(unseen(facts, root.trace.as_deref()));
    faults
}

/// A span with what is wrong with its place.
fn faulty(facts: &Facts<'_>, span: &Span, wrong: String) -> Evidence {
    match Evidence::span(facts, span, &[Field::Trace, Field::Parent]) {
        Evidence::Span { table, id, name, fields, .. } => {
            Evidence::Span { table, id, name, fields, remark: Some(wrong) }
        }
        other => other,
    }
}

/// A span below another must have that one's id as its parent.
fn misplaced(facts: &Facts<'_>, unit: &Unit, span: &Span, parent: &str) -> Option<String> {
    let parents = facts.spans_of(unit, parent);
    let joined = span.parent.is_some() && parents.iter().any(|other| other.id == span.parent);
    (!joined).then(|| format!("no `{parent}` of this unit has that id"))
}

/// The unit's own span has no parent, or one outside the unit that exists.
fn uprooted(facts: &Facts<'_>, unit: &Unit, span: &Span) -> Option<String> {
    span.parent.as_ref()?;
    let mut others = facts.spans.iter().filter(|other| other.unit != unit.id);
    let found = others.any(|other| other.id == span.parent);
    (!found).then(|| "no span outside this unit has that id".to_owned())
}

/// The upstream, where it was asked, must have been told the trace id.
fn unseen(facts: &Facts<'_>, trace: Option<&str>) -> Option<Evidence> {
    let header = facts.spec.tables.spans.header.as_ref()?.to_ascii_lowercase();
    let asked = facts.exchanges();
    let trace = trace?;
    let told = |value: &String| *value == trace || value.split('-').any(|part| part == trace);
    if asked.is_empty() || asked.iter().any(|ask| ask.headers.get(&header).is_some_and(told)) {
        return None;
    }
    let count = asked.len();
    let text = format!("upstream: none of {count} requests carried `{header}: {trace}`");
    Some(Evidence::Note(text))
}
