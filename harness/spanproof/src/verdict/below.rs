//! Checks spans that the spec places below a span that belongs to no unit (a unit is one part of a job), such
//! as the span of the request that submitted the job. If the trace context is lost on the way to another
//! process, one trace becomes several, each of them a complete tree, so the checks of each unit's tree pass.

use std::iter::successors;

use super::evidence::{Evidence, limit};
use super::facts::{Facts, is_of_service};
use super::finding::{Checks, Finding};
use crate::observation::{Field, Span};
use crate::spec::SpanRule;
use spanproof_format::Code;

/// Maximum number of ancestors to visit: the spans may form a cycle.
const MAX_ANCESTORS: usize = 100;

/// Checks the ancestors of each span whose rule in the spec has the key `below`: one of them must have a name
/// that `below` lists.
pub(super) fn check_ancestors(facts: &Facts<'_>, checks: &mut Checks) {
    for rule in facts.rules_that_apply().into_iter().filter(|rule| !rule.below.is_empty()) {
        let is_checked = |span: &&Span| {
            let is_of_rule = span.name.as_deref().is_some_and(|name| rule.matches(name));
            is_of_rule && is_of_service(facts.spec, span)
        };
        let defect = |span: &Span| {
            let remark = defect(facts, rule, span)?;
            Some(Evidence::span_with_remark(facts, span, &[Field::Trace, Field::Parent], remark))
        };
        let wrong: Vec<_> = facts.spans.iter().filter(is_checked).filter_map(defect).collect();
        let count = wrong.len();
        checks.expect(wrong.is_empty(), || {
            let (name, above) = (&rule.name, rule.below.join("` or `"));
            let subject = if count == 1 { "span is" } else { "spans are" };
            let message = format!("{count} `{name}` {subject} not below a `{above}` span");
            Finding::new(Code::BrokenTree, message, limit(wrong))
        });
    }
}

/// Returns what is wrong with the ancestors of a span; `None` if one of them is in the same trace and has a
/// name that the rule's `below` lists, or if it is not known which spans the ancestors are.
fn defect(facts: &Facts<'_>, rule: &SpanRule, span: &Span) -> Option<String> {
    if span.parent.is_none() {
        return Some("it has no parent".to_owned());
    }
    let parent = |span: &Span| {
        let mut all: Vec<&Span> = facts.spans_with_id(span.parent.as_deref()).collect();
        // A span of the same trace is preferred: another trace may have a span with the same id.
        all.sort_by_key(|other| other.trace != span.trace);
        all.into_iter().next()
    };
    let ancestors: Vec<&Span> =
        successors(parent(span), |span| parent(span)).take(MAX_ANCESTORS).collect();
    // If spans share an id, it is not known which of them is the parent. Another check reports shared ids.
    let has_several_parents = |span: &&Span| {
        let parents = facts.spans_with_id(span.parent.as_deref());
        parents.filter(|other| other.trace == span.trace).count() > 1
    };
    if has_several_parents(&span) || ancestors.iter().any(has_several_parents) {
        return None;
    }
    let rules_above: Vec<_> =
        facts.spec.spans.iter().filter(|other| rule.below.contains(&other.name)).collect();
    let is_allowed = |other: &&&Span| {
        let name = other.name.as_deref().unwrap_or_default();
        rules_above.iter().any(|rule| rule.matches(name))
    };
    match ancestors.iter().find(is_allowed) {
        Some(found) if found.trace == span.trace => None,
        Some(found) => {
            let name = found.name.as_deref().unwrap_or_default();
            Some(format!("its ancestor `{name}` is in another trace"))
        }
        // If spans of units are missing, an ancestor may be missing, too.
        None if facts.lacks_spans()
            && ancestors.last().is_none_or(|last| last.parent.is_some()) =>
        {
            None
        }
        None => Some(match ancestors.last() {
            Some(last) if last.parent.is_some() => {
                let name = last.name.as_deref().unwrap_or_default();
                format!("the parent of its ancestor `{name}` is not stored")
            }
            Some(last) => {
                let name = last.name.as_deref().unwrap_or_default();
                format!("its outermost ancestor is `{name}`")
            }
            None => "its parent is not stored".to_owned(),
        }),
    }
}
