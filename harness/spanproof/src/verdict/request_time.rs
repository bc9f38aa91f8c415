//! Checks the times of spans against the requests that carried their ids to the fake upstream.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::facts::Facts;
use super::propagation::{TraceContext, normalize, same_id};
use crate::observation::{Span, Unit};
use crate::timestamp::shifted;

/// A request that was answered.
struct Answered<'a> {
    /// The id of the trace in the request's header.
    trace: String,
    at: DateTime<Utc>,
    method: &'a str,
    path: &'a str,
}

/// The requests of a job that were answered and carried the id of a span, by this id.
pub(super) struct RequestTimes<'a> {
    by_span: BTreeMap<String, Vec<Answered<'a>>>,
    /// When the last span of each unit ended, by the id of the unit.
    span_ends: BTreeMap<&'a str, DateTime<Utc>>,
}

impl<'a> RequestTimes<'a> {
    pub(super) fn new(facts: &'a Facts<'_>) -> Self {
        let custom = facts.spec.tables.spans.header.as_deref();
        let mut by_span: BTreeMap<String, Vec<Answered<'_>>> = BTreeMap::new();
        for exchange in facts.exchanges() {
            let context = TraceContext::read(&exchange.headers, custom);
            let (Some(at), Some(TraceContext { trace, span: Some(span), .. })) =
                (exchange.answered, context)
            else {
                continue;
            };
            let (method, path) = (exchange.method.as_str(), exchange.path.as_str());
            by_span.entry(normalize(&span)).or_default().push(Answered { trace, at, method, path });
        }
        let mut span_ends = BTreeMap::new();
        for span in &facts.spans {
            if let (Some(unit), Some(end)) = (span.unit.as_deref(), span.end()) {
                let last = span_ends.entry(unit).or_insert(end);
                *last = end.max(*last);
            }
        }
        Self { by_span, span_ends }
    }

    /// Returns what is wrong if a span starts after the upstream answered a request that carried its id; `None`
    /// if it does not.
    pub(super) fn starts_late(&self, span: &Span, clock: Clock) -> Option<String> {
        let start = clock.utc(span.start()?);
        self.of_span(span).find_map(|request| {
            let ms = clock.exceeding(start - request.at)?;
            Some(format!("it starts {ms} ms after {}", request.answer()))
        })
    }

    /// Returns what is wrong if a span ends before the upstream answered a request that carried its id,
    /// although the work of its unit went on until after the answer; `None` if it does not. A span whose work
    /// does not wait for the answer may end earlier, so this is not certain.
    pub(super) fn ends_early(&self, span: &Span, clock: Clock, unit: &Unit) -> Option<String> {
        let end = clock.utc(span.end()?);
        let last_end = clock.utc(*self.span_ends.get(span.unit.as_deref()?)?);
        let work_end = unit.ended.map_or(last_end, |ended| ended.max(last_end));
        self.of_span(span).filter(|request| work_end > request.at).find_map(|request| {
            let ms = clock.exceeding(request.at - end)?;
            Some(format!("it ends {ms} ms before {}", request.answer()))
        })
    }

    /// The requests that carried the ids of a span and of its trace.
    fn of_span(&self, span: &Span) -> impl Iterator<Item = &Answered<'a>> {
        let id = span.id.as_deref().map(normalize);
        let requests = id.and_then(|id| self.by_span.get(&id)).into_iter().flatten();
        requests.filter(|request| {
            span.trace.as_deref().is_some_and(|trace| same_id(&request.trace, trace))
        })
    }
}

impl Answered<'_> {
    fn answer(&self) -> String {
        format!("the answer to `{} {}`, the request that carried its id", self.method, self.path)
    }
}

/// How the times of a span are compared with the times of requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// The offset from UTC of the span's times.
    pub(super) offset: TimeDelta,
    /// How far times may differ.
    pub(super) tolerance: TimeDelta,
}

impl Clock {
    /// Converts a time of the span.
    pub(super) fn utc(self, at: DateTime<Utc>) -> DateTime<Utc> {
        shifted(at, -self.offset)
    }

    /// Returns a difference in milliseconds if it exceeds the tolerance.
    fn exceeding(self, difference: TimeDelta) -> Option<i64> {
        (difference > self.tolerance).then(|| difference.num_milliseconds())
    }
}
