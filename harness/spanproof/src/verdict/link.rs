//! Gives the spans that a framework makes, and that can't name their unit, the unit of their parent.

use std::collections::BTreeMap;

use crate::observation::Span;
use crate::spec::Spec;

/// A span's trace and its id, by which its children name it.
type Key<'a> = (Option<&'a str>, Option<&'a str>);

/// Gives each span whose rule has `unit = "parent"` the unit of its nearest ancestor that names one.
/// The attributes of a unit are not compared with such a span.
pub(super) fn to_units(spec: &Spec, mut spans: Vec<Span>) -> Vec<Span> {
    let by_parent = |span: &Span| spec.links_by_parent(span.name.as_deref().unwrap_or_default());
    let by_key: BTreeMap<Key<'_>, &Span> = spans
        .iter()
        .filter(|span| span.id.is_some())
        .map(|span| ((span.trace.as_deref(), span.id.as_deref()), span))
        .collect();
    let unit = |span: &Span| {
        let parent = |span: &&Span| {
            let key = (span.trace.as_deref(), Some(span.parent.as_deref()?));
            by_key.get(&key).copied()
        };
        // A tree is at most as deep as there are spans: parents may form a circle.
        let mut ancestors = std::iter::successors(Some(span), parent).take(spans.len() + 1);
        ancestors.find_map(|ancestor| ancestor.unit.clone())
    };
    let units: Vec<_> = spans.iter().map(|span| by_parent(span).then(|| unit(span))).collect();
    for (span, unit) in spans.iter_mut().zip(units) {
        if let Some(unit) = unit {
            span.unit = unit;
            span.unit_attributes.clear();
        }
    }
    spans
}
