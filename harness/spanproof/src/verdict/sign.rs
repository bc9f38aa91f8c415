//! Signs of spans that began and are not stored: other spans and requests name their ids.

use std::collections::BTreeSet;

use super::evidence::{Evidence, some};
use super::fact::Fact;
use super::facts::Facts;
use super::gap::Gap;
use super::propagation::{TraceContext, same_id};
use crate::observation::{Field, Span};

/// Returns whether stored spans name the missing ones as their parents. That does not show that those
/// began: a service may give out ids without a span.
pub(super) fn of_named(facts: &Facts<'_>, gap: &Gap<'_>) -> Option<Fact> {
    let is_below = |span: &&Span| {
        let name = span.name.as_deref().unwrap_or_default();
        let rules = facts.spec.spans.iter().filter(|rule| rule.matches(name));
        let mut parents = rules.flat_map(|rule| &rule.parents);
        parents.any(|parent| parent == gap.rule.name) && gap.has_unit_of(span)
    };
    let is_lost = |span: &&Span| {
        let is_parent = |other: &Span| other.id == span.parent;
        span.parent.is_some() && !facts.spans.iter().any(is_parent)
    };
    let children: Vec<_> = facts.spans.iter().filter(is_below).filter(is_lost).collect();
    // A parent outside of the service is the same for all units.
    let parents: BTreeSet<_> = children.iter().map(|span| &span.parent).collect();
    let remark = "no span with the id of its parent is stored";
    let lines = children
        .iter()
        .map(|span| Evidence::span_with_remark(facts, span, &[Field::Parent], remark.to_owned()));
    (parents.len() >= gap.missing).then(|| Fact::Yes(some(lines)))
}

/// Returns whether the missing spans began: requests name them as the spans in which they were made.
pub(super) fn of_begun(facts: &Facts<'_>, gap: &Gap<'_>) -> Option<Fact> {
    // The span of a request is the innermost one.
    let is_inner = facts.rules.last().is_some_and(|rule| rule.name == gap.rule.name);
    let has_parent = gap.rule.places.iter().any(|parents| !parents.is_empty());
    if !is_inner || !has_parent {
        return None;
    }
    let contexts = contexts(facts).into_iter().filter(|context| context.sampled == Some(true));
    let has_id = |span: &Span, id: &str| span.id.as_deref().is_some_and(|own| same_id(own, id));
    let lost: BTreeSet<String> = contexts
        .filter(|context| is_stored(facts, context))
        .filter_map(|context| context.span)
        .filter(|id| !facts.spans.iter().any(|span| has_id(span, id)))
        .collect();
    (lost.len() >= gap.missing).then(|| {
        let count = lost.len();
        Fact::yes(format!(
            "upstream: {count} requests of stored traces name a span that is not stored"
        ))
    })
}

/// The trace contexts that the upstream received.
pub(super) fn contexts(facts: &Facts<'_>) -> Vec<TraceContext> {
    let custom = facts.spec.tables.spans.header.as_deref();
    let read = |exchange: &crate::upstream::Exchange| TraceContext::read(&exchange.headers, custom);
    facts.exchanges().iter().filter_map(read).collect()
}

/// Whether a span of a request's trace is stored.
pub(super) fn is_stored(facts: &Facts<'_>, context: &TraceContext) -> bool {
    let is_same = |trace: &String| same_id(trace, &context.trace);
    facts.spans.iter().any(|span| span.trace.as_ref().is_some_and(is_same))
}

/// Returns whether requests of units without spans carry no trace context, while those of the other
/// units do. Each unit makes one request.
pub(super) fn of_untraced(facts: &Facts<'_>, gap: &Gap<'_>) -> Option<Fact> {
    let (requests, contexts) = (facts.exchanges().len(), contexts(facts));
    let sampled = contexts.iter().filter(|context| context.sampled != Some(false)).count();
    let is_one_each = requests == facts.units.len() && gap.rule.per_unit() == 1;
    let matches = sampled > 0 && sampled == gap.stored && contexts.len() == sampled;
    (is_one_each && matches && requests - sampled == gap.missing).then(|| {
        let missing = gap.missing;
        Fact::yes(format!("upstream: {missing} of {requests} requests carried no trace"))
    })
}

/// Returns whether sampled traces that are not stored reached the upstream, and a case without tracing
/// shows that the service makes none by itself.
pub(super) fn of_lost_traces(
    facts: &Facts<'_>,
    gap: &Gap<'_>,
    peers: &[&Facts<'_>],
) -> Option<Fact> {
    let is_lost =
        |context: &&TraceContext| context.sampled != Some(false) && !is_stored(facts, context);
    let all = contexts(facts);
    let lost = all.iter().filter(is_lost).count();
    let is_control = |peer: &&&Facts<'_>| {
        let (here, there) = (&facts.observation.case, &peer.observation.case);
        let is_off = !there.records(facts.spec) && here.route == there.route;
        let is_unsampled = |context: &TraceContext| context.sampled == Some(false);
        is_off && !peer.exchanges().is_empty() && contexts(peer).iter().all(is_unsampled)
    };
    let control = peers.iter().find(is_control).filter(|_| lost >= gap.missing)?;
    let id = &control.observation.case.id;
    Some(Fact::yes(format!(
        "upstream: {lost} requests carried a trace that is not stored, and none carried a sampled one in \
         case {id}, where tracing is off"
    )))
}
