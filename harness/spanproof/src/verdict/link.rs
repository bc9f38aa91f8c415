//! Gives the spans that a framework makes, and that can't name their unit, the unit of their parent.

use std::collections::BTreeMap;

use crate::observation::Span;
use crate::spec::{SpanRule, Spec, UnitLink};

/// A span's trace and its id, by which its children name it.
type Key<'a> = (Option<&'a str>, &'a str);

/// Gives each span whose rule has `unit = "parent"` the unit of its nearest ancestor that names one.
/// The attributes of a unit are not compared with such a span.
pub(super) fn to_units(spec: &Spec, mut spans: Vec<Span>) -> Vec<Span> {
    if !spec.has_parent_links() {
        return spans;
    }
    let links: Vec<_> = {
        let parents = Parents::new(&spans);
        let by_parent = |span: &Span| spec.links_by_parent(name(span));
        spans.iter().map(|span| by_parent(span).then(|| parents.link(spec, span))).collect()
    };
    for (span, link) in spans.iter_mut().zip(links) {
        if let Some((unit, outside_units)) = link {
            (span.unit, span.outside_units) = (unit, outside_units);
            span.unit_attributes.clear();
        }
    }
    spans
}

fn name(span: &Span) -> &str {
    span.name.as_deref().unwrap_or_default()
}

/// The spans by their ids.
struct Parents<'a> {
    in_trace: BTreeMap<Key<'a>, &'a Span>,
    /// For a child whose trace differs from that of its parent; that is another finding.
    anywhere: BTreeMap<&'a str, &'a Span>,
}

impl<'a> Parents<'a> {
    fn new(spans: &'a [Span]) -> Self {
        let with_id = || spans.iter().filter_map(|span| Some((span.id.as_deref()?, span)));
        let in_trace = with_id().map(|(id, span)| ((span.trace.as_deref(), id), span));
        Self { in_trace: in_trace.collect(), anywhere: with_id().collect() }
    }

    fn of(&self, span: &Span) -> Option<&'a Span> {
        let parent = span.parent.as_deref()?;
        let found = self.in_trace.get(&(span.trace.as_deref(), parent));
        found.or_else(|| self.anywhere.get(parent)).copied()
    }

    /// Returns the unit of the nearest ancestor that names one, and whether the span belongs to no
    /// unit: an ancestor is a span that belongs to none.
    fn link(&self, spec: &Spec, span: &Span) -> (Option<String>, bool) {
        // A tree is at most as deep as there are spans: parents may form a circle.
        let ancestors = std::iter::successors(self.of(span), |span| self.of(span));
        for ancestor in ancestors.take(self.anywhere.len() + 1) {
            if ancestor.unit.is_some() {
                return (ancestor.unit.clone(), false);
            }
            if spec.spans.iter().any(|rule| is_without_unit(rule, ancestor)) {
                return (None, true);
            }
        }
        (span.unit.clone(), false)
    }
}

fn is_without_unit(rule: &SpanRule, span: &Span) -> bool {
    rule.unit == UnitLink::None && rule.matches(name(span))
}
