//! Whether the spans of one unit are one tree in one trace that the upstream has seen.

use std::collections::BTreeSet;

use super::evidence::Evidence;
use super::expectation::Expected;
use super::facts::Facts;
use super::propagation::same_id;
use crate::observation::{Field, Span, Unit};

/// Returns the inner spans that name another unit than their parent does, where the parent's unit lacks
/// such a span and the named one has too many: the id of the unit is wrong, and not the parent.
pub(super) fn misattributed<'a>(facts: &'a Facts<'_>) -> Vec<&'a Span> {
    let count = |unit: &Option<String>, name: &str| {
        facts.of_operation(name).filter(|span| span.unit == *unit).count()
    };
    let is_wrong = |rule: &Expected<'_>, span: &&Span| {
        let is_parent = |other: &&Span| other.id.is_some() && other.id == span.parent;
        let Some(parent) = facts.spans.iter().find(is_parent) else { return false };
        let names_other = span.unit.is_some() && parent.unit.is_some() && span.unit != parent.unit;
        names_other
            && rule.at_most.is_some_and(|most| count(&span.unit, rule.name) > most)
            && count(&parent.unit, rule.name) < rule.per_unit()
    };
    let rules = facts.rules.iter();
    rules
        .flat_map(|rule| facts.of_operation(rule.name).filter(|span| is_wrong(rule, span)))
        .collect()
}

/// What keeps the unit's spans from being one tree.
pub(super) fn faults(facts: &Facts<'_>, unit: &Unit) -> Vec<Evidence> {
    let Some(own) = facts.rules.first() else { return Vec::new() };
    let Some(root) = facts.spans_of(unit, own.name).first().copied() else {
        return Vec::new();
    };
    let optional = facts.spec.spans.iter().filter(|rule| rule.optional);
    let mut names: Vec<_> = facts.rules.iter().map(|rule| rule.name).collect();
    names.extend(optional.map(|rule| rule.name.as_str()));
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(*name));
    let mut faults: Vec<_> =
        names.iter().flat_map(|name| misplaced(facts, unit, root, name)).collect();
    faults.extend(unseen(facts, root.trace.as_deref()));
    faults
}

/// The spans of one name that are not in their place. A name with several rules needs a span in each
/// place.
fn misplaced(facts: &Facts<'_>, unit: &Unit, root: &Span, name: &str) -> Vec<Evidence> {
    let spans = facts.spans_of(unit, name);
    let rules: Vec<_> = facts.spec.spans.iter().filter(|rule| rule.matches(name)).collect();
    let parents: BTreeSet<_> = rules.iter().flat_map(|rule| &rule.parents).collect();
    let wrong = |span: &Span| match parents.is_empty() {
        _ if span.id.is_none() || span.trace.is_none() => {
            Some("without an id or a trace".to_owned())
        }
        _ if span.trace != root.trace => Some("another trace".to_owned()),
        true => uprooted(facts, unit, span),
        false => {
            let joined = parents.iter().any(|parent| is_below(facts, unit, span, parent));
            let lacks_parent = parents.iter().all(|parent| facts.spans_of(unit, parent).is_empty());
            if lacks_parent && span.parent.is_some() {
                return None;
            }
            let parents: Vec<_> = parents.iter().map(|parent| format!("`{parent}`")).collect();
            let parents = parents.join(" or ");
            (!joined).then(|| format!("no {parents} of this unit has that id"))
        }
    };
    let fields = [Field::Trace, Field::Parent];
    let faulty =
        |span: &&Span| Some(Evidence::span_with_remark(facts, span, &fields, wrong(span)?));
    let mut faults: Vec<_> = spans.iter().filter_map(faulty).collect();
    // A span that is missing altogether is another finding.
    let is_complete = |rule: &&Expected<'_>| spans.len() >= rule.per_unit();
    let several = facts.rules.iter().find(|rule| rule.name == name && rule.per_unit() > 1);
    let several = several.filter(is_complete);
    if let (true, Some(rule)) = (faults.is_empty(), several) {
        let is_empty = |place: &&&[String]| {
            let below = |span: &&Span| place.iter().any(|name| is_below(facts, unit, span, name));
            !spans.iter().any(below)
        };
        faults.extend(rule.places.iter().filter(is_empty).map(|place| {
            Evidence::Note(format!("no `{name}` is below `{}`", place.join("` or `")))
        }));
    }
    faults
}

/// Whether a span's parent is a span of this name of the same unit.
fn is_below(facts: &Facts<'_>, unit: &Unit, span: &Span, parent: &str) -> bool {
    let parents = facts.spans_of(unit, parent);
    span.parent.is_some() && parents.iter().any(|other| other.id == span.parent)
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
    let told = |value: &String| {
        let is_part = |part: &str| same_id(part, trace);
        // The hyphens of a header separate its fields, and an id may have hyphens of its own.
        same_id(value, trace) || value.split('-').any(is_part) || value.contains(trace)
    };
    if asked.is_empty() || asked.iter().any(|ask| ask.headers.get(&header).is_some_and(told)) {
        return None;
    }
    let count = asked.len();
    let text = format!("upstream: none of {count} requests carried `{header}: {trace}`");
    Some(Evidence::Note(text))
}
