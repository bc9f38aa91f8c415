//! Links spans to their units. A unit is one part of a job. A framework's spans do not contain a unit's
//! id; a rule of the spec with `unit = "parent"` gives them the unit of their nearest ancestor.

use std::collections::{BTreeMap, BTreeSet};

use crate::observation::{Span, Unit, canonical_id};
use crate::spec::{SpanRule, Spec, UnitLink};

/// The trace id and the span id of a span, by which its children refer to it.
type Key<'a> = (Option<&'a str>, &'a str);

/// The link of a span to a unit.
struct UnitOfParent {
    /// The id of the unit; `None` if neither an ancestor nor the span itself contains one.
    unit: Option<String>,
    /// Whether the span is known to belong to no unit, because an ancestor belongs to none.
    outside_units: bool,
}

/// Sets the unit of each span whose rule has `unit = "parent"`. Such a span has no attributes that must
/// agree with the unit's row. Also replaces a UUID in another spelling than that of the unit's row, and removes the
/// unit of spans with `unit = "none"`.
pub(super) fn to_units(spec: &Spec, mut spans: Vec<Span>, units: &[Unit]) -> Vec<Span> {
    let ids: BTreeMap<String, &String> =
        units.iter().filter_map(|unit| unit.id.as_ref()).map(|id| (canonical_id(id), id)).collect();
    for id in spans.iter_mut().filter_map(|span| span.unit.as_mut()) {
        if let Some(spelling) = ids.get(&canonical_id(id)) {
            id.clone_from(spelling);
        }
    }
    // The column may contain the id of something else in a span that belongs to no unit.
    for span in spans.iter_mut().filter(|span| spec.is_outside_units(name(span))) {
        (span.unit, span.outside_units) = (None, true);
    }
    if !spec.has_parent_links() {
        return spans;
    }
    let links: Vec<Option<UnitOfParent>> = {
        let parents = Parents::new(&spans);
        let by_parent = |span: &Span| spec.links_by_parent(name(span));
        spans.iter().map(|span| by_parent(span).then(|| parents.link(spec, span))).collect()
    };
    for (span, link) in spans.iter_mut().zip(links) {
        if let Some(UnitOfParent { unit, outside_units }) = link {
            (span.unit, span.outside_units) = (unit, outside_units);
            span.unit_attributes.clear();
        }
    }
    spans
}

fn name(span: &Span) -> &str {
    span.name.as_deref().unwrap_or_default()
}

/// Finds the parent of a span.
struct Parents<'a> {
    in_trace: BTreeMap<Key<'a>, &'a Span>,
    /// The ids that several spans of one trace share. It is not known which of these spans a child means.
    shared: BTreeSet<Key<'a>>,
    /// The spans by span id alone, for a child whose trace id differs from its parent's. Another check
    /// reports such a difference.
    in_any_trace: BTreeMap<&'a str, &'a Span>,
}

impl<'a> Parents<'a> {
    fn new(spans: &'a [Span]) -> Self {
        let with_id = || spans.iter().filter_map(|span| Some((span.id.as_deref()?, span)));
        let (mut in_trace, mut shared) = (BTreeMap::new(), BTreeSet::new());
        for (id, span) in with_id() {
            let key = (span.trace.as_deref(), id);
            // Rows that were stored twice are the same parent.
            let is_other =
                |other: &Span| (&other.unit, &other.parent) != (&span.unit, &span.parent);
            if in_trace.insert(key, span).is_some_and(is_other) {
                shared.insert(key);
            }
        }
        Self { in_trace, shared, in_any_trace: with_id().collect() }
    }

    fn parent(&self, span: &Span) -> Option<&'a Span> {
        let id = span.parent.as_deref()?;
        if self.shared.contains(&(span.trace.as_deref(), id)) {
            return None;
        }
        let found = self.in_trace.get(&(span.trace.as_deref(), id));
        found.or_else(|| self.in_any_trace.get(id)).copied()
    }

    /// Returns the unit of the nearest ancestor that has one. Without such an ancestor, returns the span's
    /// own unit.
    fn link(&self, spec: &Spec, span: &Span) -> UnitOfParent {
        let ancestors = std::iter::successors(self.parent(span), |span| self.parent(span));
        // Wrong parents may form a cycle, so the number of steps is limited.
        for ancestor in ancestors.take(self.in_any_trace.len() + 1) {
            if ancestor.unit.is_some() {
                return UnitOfParent { unit: ancestor.unit.clone(), outside_units: false };
            }
            // This ancestor should name a unit and does not, so the spans above it do not matter.
            if spec.spans.iter().any(|rule| should_name_unit(rule, ancestor)) {
                break;
            }
            if spec.spans.iter().any(|rule| belongs_to_no_unit(rule, ancestor)) {
                return UnitOfParent { unit: None, outside_units: true };
            }
        }
        UnitOfParent { unit: span.unit.clone(), outside_units: false }
    }
}

/// Whether a rule is about spans of this name that contain the id of their unit.
fn should_name_unit(rule: &SpanRule, span: &Span) -> bool {
    rule.matches(name(span)) && rule.unit == UnitLink::Column
}

/// Whether the rule matches the span and says that such spans belong to no unit.
fn belongs_to_no_unit(rule: &SpanRule, span: &Span) -> bool {
    rule.unit == UnitLink::None && rule.matches(name(span))
}
