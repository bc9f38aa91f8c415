//! Compares the times of spans with the requests that carried their ids to the fake upstream.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::facts::Facts;
use super::propagation::{TraceContext, normalize};
use crate::observation::Span;

/// The answers to all requests that carried the id of one span.
struct AnswerTimes<'a> {
    first: DateTime<Utc>,
    last: DateTime<Utc>,
    /// The last request.
    request: [&'a str; 2],
}

/// The answered requests of a job by the ids in their headers: that of the trace, and that of the span.
pub(super) struct RequestTimes<'a> {
    by_ids: BTreeMap<[String; 2], AnswerTimes<'a>>,
}

impl<'a> RequestTimes<'a> {
    pub(super) fn new(facts: &Facts<'a>) -> Self {
        let custom = facts.spec.tables.spans.header.as_deref();
        let mut by_ids: BTreeMap<[String; 2], AnswerTimes<'_>> = BTreeMap::new();
        for exchange in facts.exchanges() {
            let context = TraceContext::read(&exchange.headers, custom);
            let (Some(at), Some(TraceContext { trace, span: Some(span), .. })) =
                (exchange.answered, context)
            else {
                continue;
            };
            let request = [exchange.method.as_str(), exchange.path.as_str()];
            let ids = [&trace, &span].map(|id| normalize(id));
            let times = by_ids.entry(ids).or_insert(AnswerTimes { first: at, last: at, request });
            (times.first, times.last, times.request) = (times.first.min(at), at, request);
        }
        Self { by_ids }
    }

    /// Returns what is wrong if a span starts after the upstream has answered every request that carried its
    /// id; `None` if it does not, or if its start has no time zone.
    pub(super) fn starts_late(&self, span: &Span, tolerance: TimeDelta) -> Option<String> {
        let times = self.of_span(span)?;
        let late = span.started.as_ref()?.zoned()? - times.last;
        (late > tolerance).then(|| {
            let (ms, [method, path]) = (late.num_milliseconds(), times.request);
            format!(
                "it starts {ms} ms after the answer to `{method} {path}`, the last request with its id"
            )
        })
    }

    /// Returns how long before the first answer to a request with its id a span ends, in words; `None` if it
    /// does not. This is not wrong if the span's work does not wait for the answer.
    pub(super) fn ends_early(&self, span: &Span, tolerance: TimeDelta) -> Option<String> {
        let times = self.of_span(span)?;
        let early = times.first - span.ended.as_ref()?.zoned()?;
        (early > tolerance).then(|| {
            let (ms, [method, path]) = (early.num_milliseconds(), times.request);
            format!("{ms} ms before `{method} {path}` was answered")
        })
    }

    fn of_span(&self, span: &Span) -> Option<&AnswerTimes<'a>> {
        let ids = [span.trace.as_deref()?, span.id.as_deref()?].map(normalize);
        self.by_ids.get(&ids)
    }
}
