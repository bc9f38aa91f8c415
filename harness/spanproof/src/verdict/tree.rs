//! Checks that the spans of each unit form one tree in one trace, and that requests to the fake upstream
//! contain the trace id. A unit is one part of a job.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::Evidence;
use super::facts::Facts;
use super::propagation::{TraceContext, normalize, same_id, same_trace};
use super::tries;
use crate::observation::{Field, Span, Unit};
use crate::upstream::{Answer, Exchange};
use spanproof_format::count_phrase;

/// Number of digits of the trace id in `traceparent` (W3C Trace Context, 3.2.2.3).
const TRACEPARENT_ID: usize = 32;
/// Minimum length of an id that the client sends.
const MIN_REMOTE_ID: usize = 8;

/// Returns the spans that contain a wrong unit id.
pub(super) fn misattributed<'a>(facts: &'a Facts<'_>) -> Vec<&'a Span> {
    facts.expected_spans.iter().flat_map(|expected| facts.misattributed(expected)).collect()
}

/// Returns the reasons why the spans of a unit do not form one tree; empty if they do.
pub(super) fn defects(facts: &Facts<'_>, unit: &Unit) -> Vec<Evidence> {
    let roots = tries::roots(facts, unit);
    if roots.is_empty() {
        return Vec::new();
    }
    let optional = facts.spec.spans.iter().filter(|rule| rule.optional);
    let mut names: Vec<_> = facts.expected_spans.iter().map(|expected| expected.name).collect();
    names.extend(optional.map(|rule| rule.name.as_str()));
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(*name));
    let tree = UnitTree { facts, unit, roots: &roots };
    let mut defects: Vec<_> = names.iter().flat_map(|name| tree.misplaced_spans(name)).collect();
    let traces: Vec<_> = roots.iter().filter_map(|root| root.trace.as_deref()).collect();
    defects.extend(missing_in_requests(facts, &traces));
    // Requests of units that lack spans have no trace to carry, so requests are compared only if all spans
    // are stored.
    if facts.units.first().is_some_and(|first| first.id == unit.id) && !facts.lacks_spans() {
        defects.extend(missing_in_some_requests(facts));
    }
    defects
}

/// The spans of one unit.
struct UnitTree<'a> {
    facts: &'a Facts<'a>,
    unit: &'a Unit,
    /// The unit's own spans, one for each try.
    roots: &'a [&'a Span],
}

impl UnitTree<'_> {
    /// Returns the spans of one name that have a wrong trace or parent. If the spec requires several
    /// spans of this name, each below a different parent, also returns the parents without such a span.
    fn misplaced_spans(&self, name: &str) -> Vec<Evidence> {
        let Self { facts, unit, .. } = self;
        let spans = facts.spans_of_unit(unit, name);
        let rules = facts.rules_about(name);
        let parents: BTreeSet<_> = rules.iter().flat_map(|rule| &rule.parents).collect();
        let fields = [Field::Trace, Field::Parent];
        // A unit may have many thousands of spans, so their parents are searched for once.
        let possible: Vec<_> =
            parents.iter().flat_map(|parent| facts.spans_of_unit(unit, parent)).collect();
        let ids: BTreeSet<_> = possible.iter().filter_map(|span| span.id.as_deref()).collect();
        let ids = (!possible.is_empty()).then_some(&ids);
        let misplaced = |span: &&Span| {
            let defect = self.defect(span, &parents, ids)?;
            Some(Evidence::span_with_remark(facts, span, &fields, defect))
        };
        let mut defects: Vec<_> = spans.iter().filter_map(misplaced).collect();
        let several = facts.expected_spans.iter().find(|expected| {
            let required = expected.min_per_unit();
            // Another check reports missing spans.
            expected.name == name && required > 1 && spans.len() >= required
        });
        if defects.is_empty()
            && let Some(expected) = several
        {
            let has_no_span = |parents: &&&[String]| {
                !spans.iter().any(|span| parents.iter().any(|parent| self.is_below(span, parent)))
            };
            defects.extend(expected.parents.iter().filter(has_no_span).map(|parents| {
                Evidence::Note(format!("no `{name}` is below `{}`", parents.join("` or `")))
            }));
        }
        defects
    }

    /// Returns what is wrong with the place of a span. `parents` are the names that its parent may have,
    /// empty for the unit's own span; `ids` are the ids of the unit's spans with these names, `None` if there
    /// is no such span.
    fn defect(
        &self,
        span: &Span,
        parents: &BTreeSet<&String>,
        ids: Option<&BTreeSet<&str>>,
    ) -> Option<String> {
        if span.id.is_none() || span.trace.is_none() {
            return Some("without an id or a trace".to_owned());
        }
        if !self.roots.iter().any(|root| root.trace == span.trace) {
            return Some("in another trace".to_owned());
        }
        if parents.is_empty() {
            return self.wrong_parent_of_root(span);
        }
        let parent = self.facts.only_span_with_id(span.parent.as_deref());
        if self.roots.len() > 1 && parent.is_some_and(|parent| parent.trace != span.trace) {
            return Some("its parent is in another trace".to_owned());
        }
        // If the unit has no span with one of these names, another check reports that the parent is missing.
        if let Some(parent) = span.parent.as_deref()
            && ids.is_none_or(|ids| ids.contains(parent))
        {
            return None;
        }
        let parents: Vec<_> = parents.iter().map(|parent| format!("`{parent}`")).collect();
        Some(format!("no {} of this unit has that id", parents.join(" or ")))
    }

    /// Whether the span's parent is a span of the same unit with this name.
    fn is_below(&self, span: &Span, parent: &str) -> bool {
        let parents = self.facts.spans_of_unit(self.unit, parent);
        span.parent.is_some() && parents.iter().any(|other| other.id == span.parent)
    }

    /// Returns what is wrong if the unit's own span has a parent that is not a stored span of the same trace
    /// outside the unit, or without a rule; `None` if it has no parent.
    fn wrong_parent_of_root(&self, span: &Span) -> Option<String> {
        span.parent.as_ref()?;
        let facts = self.facts;
        // The column of units may contain ids of other things in spans that no rule describes.
        let is_unknown = |other: &Span| {
            !facts
                .spec
                .spans
                .iter()
                .any(|rule| other.name.as_ref().is_some_and(|name| rule.matches(name)))
        };
        let is_outside = |other: &&Span| other.unit != self.unit.id || is_unknown(other);
        let parents: Vec<_> =
            facts.spans_with_id(span.parent.as_deref()).filter(is_outside).collect();
        if parents.is_empty() {
            let is_remote = span.parent.as_deref().is_some_and(|id| is_sent_by_client(facts, id));
            // If spans of units are missing, the parent may be missing, too.
            let is_known = is_remote || facts.lacks_spans();
            return (!is_known).then(|| "no span outside this unit has that id".to_owned());
        }
        // An id may be unique only within its trace.
        (!parents.iter().any(|parent| parent.trace == span.trace))
            .then(|| "the span with that id is in another trace".to_owned())
    }
}

/// Returns what is wrong if the unit's own span is below a span of another unit that had already ended: a
/// tracer may have kept that span as the current one. `None` otherwise.
pub(super) fn ended_parent_of_other_unit(facts: &Facts<'_>, unit: &Unit) -> Option<Evidence> {
    let own = facts.expected_spans.first().filter(|own| own.is_root())?;
    let [root] = facts.spans_of_unit(unit, own.name)[..] else { return None };
    let parent = facts.only_span_with_id(root.parent.as_deref())?;
    facts.unit_of(parent).filter(|other| other.id != unit.id)?;
    let had_ended = parent.has_ended() && parent.ended.as_ref()?.is_before(root.started.as_ref()?);
    let remark = format!(
        "its parent `{}` is a span of another unit, and had already ended",
        parent.name.as_deref().unwrap_or_default()
    );
    let fields = [Field::Trace, Field::Parent];
    had_ended.then(|| Evidence::span_with_remark(facts, root, &fields, remark))
}

/// Whether the value of a header contains a trace id. Hyphens separate the fields of a header, but may also
/// be a part of the id.
pub(super) fn contains_trace(value: &str, trace: &str) -> bool {
    // An id of zeros equals the version and the flags of `traceparent`.
    if normalize(trace).is_empty() {
        return value.trim() == trace;
    }
    let fields: Vec<_> = value.split('-').collect();
    if let [version, id, _, _] = fields[..]
        && version.len() == 2
        && id.len() == TRACEPARENT_ID
    {
        // B3 allows to keep only the lower half of an id.
        return same_id(id, trace)
            || (trace.len() == TRACEPARENT_ID / 2 && id.ends_with(&trace.to_ascii_lowercase()));
    }
    // `Root=1-TIME-REST;Parent=SPAN`, `TRACE:SPAN:0:1`, `TRACE/SPAN;o=1`.
    let parts = value.split([';', ',', ' ', ':', '/']);
    let mut parts = parts.flat_map(|part| [part, part.rsplit_once('=').map_or(part, |(_, id)| id)]);
    same_trace(value, trace)
        || fields.iter().any(|field| same_trace(field, trace))
        || parts.any(|part| same_trace(part, trace))
        || contains_word(value, trace)
}

/// Whether the client sends an id with each job, in a header, the body, the SQL or the command of the route. A
/// short id could be there by chance.
pub(super) fn is_sent_by_client(facts: &Facts<'_>, id: &str) -> bool {
    if id.len() < MIN_REMOTE_ID {
        return false;
    }
    let Some(route) = facts.spec.route(&facts.observation.case.route) else { return false };
    let texts = route.headers.values().chain(&route.sql).chain(&route.command).chain([&route.body]);
    { texts }.any(|text| contains_word(text, id) || contains_trace(text, id))
}

/// Whether a text contains another one, and not as a part of a longer id.
fn contains_word(text: &str, word: &str) -> bool {
    let ends_id = |rest: Option<char>| !rest.is_some_and(char::is_alphanumeric);
    text.match_indices(word).any(|(at, _)| {
        ends_id(text[..at].chars().next_back()) && ends_id(text[at + word.len()..].chars().next())
    })
}

/// Whether the value of a header contains the trace of a stored span.
fn contains_stored_trace(facts: &Facts<'_>, value: &str) -> bool {
    let traces = facts.spans.iter().filter_map(|span| span.trace.as_deref());
    traces.filter(|trace| !trace.is_empty()).any(|trace| contains_trace(value, trace))
}

/// Whether a unit whose trace is in no request may have sent none: all requests with a trace carry that of a stored
/// span, and fewer units than there are sent one.
fn unit_may_have_sent_none(facts: &Facts<'_>, header: &str) -> bool {
    let (traced, untraced): (Vec<_>, Vec<_>) =
        facts.exchanges().iter().partition(|request| sent_value(request, header).is_some());
    let names = UnitNames::new(facts);
    let endpoints: BTreeSet<_> = traced.iter().map(|request| names.endpoint(request)).collect();
    let is_of_stored_span = |request: &&Exchange| {
        sent_value(request, header).is_some_and(|value| contains_stored_trace(facts, value))
    };
    // Not every request is part of a unit's work: the service may also load its settings, for example.
    !traced.is_empty()
        && traced.iter().all(is_of_stored_span)
        && !untraced.iter().any(|request| endpoints.contains(&names.endpoint(request)))
        && units_with_request(facts, &traced) < facts.units.len()
}

/// Returns how many units sent these requests, at most. A request that failed may be sent again by the same unit,
/// and a unit may send requests to several endpoints.
fn units_with_request(facts: &Facts<'_>, requests: &[&Exchange]) -> usize {
    let custom = facts.spec.tables.spans.header.as_deref();
    let mut traces: BTreeMap<Option<String>, BTreeMap<(&str, &str), usize>> = BTreeMap::new();
    for request in requests {
        let trace =
            TraceContext::read(&request.headers, custom).map(|context| normalize(&context.trace));
        let is_success = matches!(request.answer, Answer::Status(200..=299));
        let successes = traces.entry(trace).or_default();
        *successes.entry((&request.method, &request.path)).or_default() += usize::from(is_success);
    }
    let most =
        |successes: &BTreeMap<_, usize>| successes.values().copied().max().unwrap_or(0).max(1);
    traces.values().map(most).sum()
}

/// Returns the value of a request's header; `None` if the header is missing or empty.
fn sent_value<'a>(request: &'a Exchange, header: &str) -> Option<&'a str> {
    request.headers.get(header).map(|value| value.trim()).filter(|value| !value.is_empty())
}

/// The ids that paths of requests may contain: those of units, and the parts of their keys.
struct UnitNames<'a>(BTreeSet<&'a str>);

impl<'a> UnitNames<'a> {
    fn new(facts: &'a Facts<'_>) -> Self {
        let names = |unit: &'a Unit| unit.key.split_whitespace().chain(unit.id.as_deref());
        Self(facts.units.iter().flat_map(names).collect())
    }

    /// The method and the path of a request, without the last part of the path if that is an id.
    fn endpoint<'r>(&self, request: &'r Exchange) -> (&'r str, &'r str) {
        let (path, last) = request.path.rsplit_once('/').unwrap_or(("", &request.path));
        let is_id = last.contains(|c: char| c.is_ascii_digit()) || self.0.contains(last);
        (&request.method, if is_id { path } else { &request.path })
    }
}

/// Returns what is wrong if there are requests to the fake upstream and none of them contains one of the trace
/// ids of a unit in the header that the spec names. `None` if the unit may have sent no request.
fn missing_in_requests(facts: &Facts<'_>, traces: &[&str]) -> Option<Evidence> {
    let header = facts.spec.tables.spans.header.as_ref()?.to_ascii_lowercase();
    let requests = facts.exchanges();
    let trace = traces.first()?;
    let mut values = requests.iter().filter_map(|request| request.headers.get(&header));
    let is_sent = values.any(|value| traces.iter().any(|trace| contains_trace(value, trace)));
    if requests.is_empty() || is_sent || unit_may_have_sent_none(facts, &header) {
        return None;
    }
    let count = count_phrase(requests.len(), "request", "requests");
    let text = format!("upstream: none of {count} carried `{header}: {trace}`");
    Some(Evidence::Note(text))
}

/// Returns what is wrong if some requests to one endpoint of the fake upstream carry stored traces in the
/// header that the spec names, and other requests to it have no such header, such as those of a retry or
/// another client.
fn missing_in_some_requests(facts: &Facts<'_>) -> Option<Evidence> {
    let header = facts.spec.tables.spans.header.as_ref()?.to_ascii_lowercase();
    let names = UnitNames::new(facts);
    let mut endpoints: BTreeMap<(&str, &str), [usize; 2]> = BTreeMap::new();
    for request in facts.exchanges() {
        let counts = endpoints.entry(names.endpoint(request)).or_default();
        match sent_value(request, &header) {
            None => counts[0] += 1,
            Some(value) => counts[1] += usize::from(contains_stored_trace(facts, value)),
        }
    }
    let ((method, path), [without, with]) =
        endpoints.into_iter().find(|(_, counts)| !counts.contains(&0))?;
    let requests = if without == 1 { "request" } else { "requests" };
    let is_whole = facts.exchanges().iter().any(|request| request.path == path);
    let path = if is_whole { path.to_owned() } else { format!("{path}/…") };
    let text = format!(
        "upstream: {without} {requests} `{method} {path}` carried no `{header}`, and {with} carried a stored trace"
    );
    Some(Evidence::Note(text))
}
