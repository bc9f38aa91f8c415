//! Signs of spans that began and are not stored: other spans, or requests to the fake upstream, contain their
//! ids. A unit is one part of a job; a gap is the set of units that lack spans of one name. A function that
//! looks for such a sign returns `None` if there is none.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{Evidence, limit};
use super::fact::Fact;
use super::facts::Facts;
use super::gap::Gap;
use super::propagation::{TraceContext, normalize, same_id, same_trace};
use crate::observation::{Field, Span};
use crate::upstream::Exchange;
use spanproof_format::count_phrase;

/// Whether stored spans name the missing spans as their parents. This does not prove that the missing
/// spans began: a service may make ids without a span.
pub(super) fn named_as_parents(facts: &Facts<'_>, gap: &Gap<'_>) -> Option<Fact> {
    let should_be_child = |span: &&Span| {
        let name = span.name.as_deref().unwrap_or_default();
        let rules = facts.spec.spans.iter().filter(|rule| rule.matches(name));
        let mut parents = rules.flat_map(|rule| &rule.parents);
        parents.any(|parent| parent == gap.expected.name) && gap.has_unit_of(span)
    };
    let lacks_parent = |span: &&Span| {
        span.parent.is_some() && facts.spans_with_id(span.parent.as_deref()).next().is_none()
    };
    let children: Vec<_> =
        facts.spans.iter().filter(should_be_child).filter(lacks_parent).collect();
    // Different ids are counted: a parent outside the service would be the same for all units.
    let parents: BTreeSet<_> = children.iter().map(|span| &span.parent).collect();
    let remark = "no span with the id of its parent is stored";
    let lines = children
        .iter()
        .map(|span| Evidence::span_with_remark(facts, span, &[Field::Parent], remark.to_owned()));
    (parents.len() >= gap.missing).then(|| Fact::Yes(limit(lines)))
}

/// Whether the missing spans began: requests contain the ids of spans that are not stored, and belong to
/// sampled traces of which other spans are stored.
pub(super) fn begun_by_requests(
    facts: &Facts<'_>,
    gap: &Gap<'_>,
    peers: &[&Facts<'_>],
) -> Option<Fact> {
    // A request contains the id of the span that makes it, so it is no sign of other spans.
    let has_parent = gap.expected.parents.iter().any(|parents| !parents.is_empty());
    if !has_parent || !is_requesting(facts, gap, peers) {
        return None;
    }
    let named = spans_named_by_requests(facts);
    (named.len() >= gap.missing).then(|| not_stored(&named))
}

/// Returns the ids of spans that are not stored, in requests of sampled traces of which other spans are stored.
fn spans_named_by_requests(facts: &Facts<'_>) -> BTreeSet<String> {
    let sampled = contexts(facts).into_iter().filter(|context| context.sampled == Some(true));
    let has_id = |span: &Span, id: &str| span.id.as_deref().is_some_and(|own| same_id(own, id));
    sampled
        .filter(|context| has_stored_span(facts, context))
        .filter_map(|context| context.span)
        .filter(|id| !facts.spans.iter().any(|span| has_id(span, id)))
        .collect()
}

/// The answer yes about spans with these ids, which requests name.
fn not_stored(named: &BTreeSet<String>) -> Fact {
    let requests = count_phrase(
        named.len(),
        "request of a stored trace names",
        "requests of stored traces name",
    );
    Fact::yes(format!("upstream: {requests} a span that is not stored"))
}

/// Whether spans below the missing ones began: they are missing in the same units, and requests contain their
/// ids. If the units have no span at all, it does not matter which of the missing spans made the requests.
pub(super) fn begun_below(facts: &Facts<'_>, gap: &Gap<'_>, peers: &[&Facts<'_>]) -> Option<Fact> {
    let gaps = Gap::in_spec_order(facts);
    let mut at_or_below: BTreeSet<&str> = BTreeSet::from([gap.expected.name]);
    // Each round adds the names of the next level; a tree of spans has few levels.
    for _ in 0..facts.expected_spans.len() {
        let is_below = |one: &&super::expected_spans::ExpectedSpans<'_>| {
            one.parents
                .iter()
                .any(|names| names.iter().any(|name| at_or_below.contains(name.as_str())))
        };
        let below: Vec<&str> =
            facts.expected_spans.iter().filter(is_below).map(|one| one.name).collect();
        at_or_below.extend(below);
    }
    let own: BTreeSet<&str> = gap.unit_ids().collect();
    let is_below = |other: &&Gap<'_>| {
        let name = other.expected.name;
        name != gap.expected.name
            && at_or_below.contains(name)
            && other.unit_ids().all(|id| own.contains(id))
    };
    let any_begun = || {
        let named = spans_named_by_requests(facts);
        (!gap.has_units_with_spans(facts) && named.len() >= gap.missing).then(|| not_stored(&named))
    };
    gaps.iter()
        .filter(is_below)
        .find_map(|other| begun_by_requests(facts, other, peers))
        .or_else(any_begun)
}

/// Whether the spans that make the requests to the upstream all have the missing name. The stored spans of
/// this case and its peers whose ids are in requests show it. If there is no such span, the missing name must
/// be the only required one that is not the parent of another.
pub(super) fn is_requesting(facts: &Facts<'_>, gap: &Gap<'_>, peers: &[&Facts<'_>]) -> bool {
    let is_same_route =
        |peer: &&&Facts<'_>| peer.observation.case.route == facts.observation.case.route;
    let all = std::iter::once(facts).chain(peers.iter().filter(is_same_route).copied());
    let requesting: BTreeSet<&str> = all.flat_map(requesting_names).collect();
    if !requesting.is_empty() {
        return requesting.iter().all(|name| *name == gap.expected.name);
    }
    let expected = &facts.expected_spans;
    let is_parent = |name: &str| {
        expected.iter().flat_map(|one| &one.parents).any(|names| names.iter().any(|n| n == name))
    };
    let mut innermost = expected.iter().filter(|one| !is_parent(one.name));
    innermost.next().is_some_and(|one| one.name == gap.expected.name) && innermost.next().is_none()
}

/// The names of stored spans whose ids are in requests to the upstream.
fn requesting_names<'a>(facts: &'a Facts<'_>) -> Vec<&'a str> {
    let ids: BTreeSet<String> = contexts(facts)
        .iter()
        .filter_map(|context| Some(normalize(context.span.as_deref()?)))
        .collect();
    let is_named = |span: &&Span| span.id.as_deref().is_some_and(|id| ids.contains(&normalize(id)));
    facts.spans.iter().filter(is_named).filter_map(|span| span.name.as_deref()).collect()
}

/// The trace contexts in the headers of requests to the fake upstream.
pub(super) fn contexts(facts: &Facts<'_>) -> Vec<TraceContext> {
    let custom = facts.spec.tables.spans.header.as_deref();
    let read = |exchange: &Exchange| TraceContext::read(&exchange.headers, custom);
    facts.exchanges().iter().filter_map(read).collect()
}

/// Whether any span of the request's trace is stored.
pub(super) fn has_stored_span(facts: &Facts<'_>, context: &TraceContext) -> bool {
    let is_same = |trace: &String| same_trace(trace, &context.trace);
    facts.spans.iter().any(|span| span.trace.as_ref().is_some_and(is_same))
}

/// Whether as many requests lack a trace context as spans are missing, and the other requests have one. A
/// request that is sent again counts once. Applies only if each unit makes one request and must have one span
/// of this name.
pub(super) fn untraced_requests(facts: &Facts<'_>, gap: &Gap<'_>) -> Option<Fact> {
    let custom = facts.spec.tables.spans.header.as_deref();
    // For each request, whether it carries a trace, and whether that trace is sampled.
    let mut requests: BTreeMap<_, Vec<Option<bool>>> = BTreeMap::new();
    for request in facts.exchanges() {
        let context = TraceContext::read(&request.headers, custom);
        let key = (&request.method, &request.path, &request.body);
        let sampled = context.map(|context| context.sampled != Some(false));
        requests.entry(key).or_default().push(sampled);
    }
    let all_are = |sampled: Option<bool>| {
        requests.values().filter(|sent| sent.iter().all(|one| *one == sampled)).count()
    };
    let (sampled, untraced) = (all_are(Some(true)), all_are(None));
    let is_one_per_unit = requests.len() == facts.units.len() && gap.expected.min_per_unit() == 1;
    let fits_stored = sampled > 0 && sampled == gap.stored && sampled + untraced == requests.len();
    (is_one_per_unit && fits_stored && untraced == gap.missing).then(|| {
        let all = requests.len();
        Fact::yes(format!("upstream: {untraced} of {all} requests carried no trace"))
    })
}

/// Whether requests carry sampled traces without any stored span. A peer (another case of the run) with
/// tracing off must show that the service sends no sampled traces if tracing is off.
pub(super) fn lost_traces(facts: &Facts<'_>, gap: &Gap<'_>, peers: &[&Facts<'_>]) -> Option<Fact> {
    let is_lost = |context: &&TraceContext| {
        context.sampled != Some(false) && !has_stored_span(facts, context)
    };
    let all = contexts(facts);
    let lost = all.iter().filter(is_lost).count();
    let target = |exchange: &Exchange| (exchange.method.clone(), exchange.path.clone());
    let targets: BTreeSet<_> = facts.exchanges().iter().map(target).collect();
    let is_control = |peer: &&&Facts<'_>| {
        let (own, other) = (&facts.observation.case, &peer.observation.case);
        // Another route that sends the same requests uses the same client.
        let sends_same = || peer.exchanges().iter().any(|one| targets.contains(&target(one)));
        let is_off = !other.records(facts.spec) && (own.route == other.route || sends_same());
        let is_unsampled = |context: &TraceContext| context.sampled == Some(false);
        is_off && !peer.exchanges().is_empty() && contexts(peer).iter().all(is_unsampled)
    };
    let control = peers.iter().find(is_control).filter(|_| lost >= gap.missing)?;
    let id = &control.observation.case.id;
    Some(Fact::yes(format!(
        "upstream: {} carried a trace that is not stored, and none carried a sampled one in case {id}, where \
         tracing is off",
        count_phrase(lost, "request", "requests")
    )))
}
