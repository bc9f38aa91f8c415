//! The journal of a fake upstream: the requests that it got, each with its answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Utc};

use hyper::http::request::Parts;

use super::body::RequestBody;

/// Maximum length of a request body in the journal, in bytes; a longer body is cut off.
const MAX_BODY: usize = 64 * 1024;
/// Maximum length of all bodies in the journal, in bytes; of later bodies only size and hash are kept.
const MAX_BODIES: usize = 32 * 1024 * 1024;

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An answer with this HTTP status.
    Status(u16),
    /// The connection was closed without an answer.
    Closed,
    /// The request was never answered.
    Hanging,
    /// The behaviour file has no reply for the request, or the `times` of its replies were used up, so the
    /// answer was 404. The text is the method and path of the most similar reply.
    Unmatched(String),
}

/// A request and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Milliseconds from the start of the upstream.
    pub at_ms: u64,
    /// When the upstream was about to send its response; `None` if it sent none, and in evidence of spanproof
    /// 0.1.0. The client may have gone away by then.
    pub answered: Option<DateTime<Utc>>,
    /// The method of the request.
    pub method: String,
    /// The path of the request.
    pub path: String,
    /// The headers of the request, names in lower case, secrets masked.
    pub headers: BTreeMap<String, String>,
    /// The body of the request as text, secrets masked. A body longer than 64 KiB is cut off, and its
    /// size and hash are at the end.
    pub body: String,
    /// The answer.
    pub answer: Answer,
}

/// A journal in memory. Its clones share its content.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    start: Instant,
    content: Arc<Mutex<Content>>,
}

#[derive(Debug, Default)]
struct Content {
    exchanges: Vec<Exchange>,
    /// The length of all bodies.
    body_bytes: usize,
    /// Number of requests from processes that do not belong to the case, by process.
    foreign_requests: BTreeMap<String, u64>,
}

impl Journal {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), content: Arc::default() }
    }

    /// Adds a request and its answer. Returns the position of the exchange.
    pub(super) fn add(&self, head: &Parts, body: &RequestBody, answer: Answer) -> usize {
        let headers = head.headers.iter().map(|(name, value)| {
            let name = name.as_str().to_owned();
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.clone(), crate::mask::variable(&name, &value))
        });
        let mut journal = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = MAX_BODY.min(MAX_BODIES.saturating_sub(journal.body_bytes));
        let exchange = Exchange {
            at_ms: u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX),
            answered: None,
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            headers: headers.collect(),
            body: body.text(limit, crate::mask::text),
            answer,
        };
        journal.body_bytes += exchange.body.len();
        journal.exchanges.push(exchange);
        journal.exchanges.len() - 1
    }

    /// Notes the time at which the response of an exchange is sent.
    pub(super) fn answer_now(&self, position: usize) {
        let mut journal = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(exchange) = journal.exchanges.get_mut(position) {
            exchange.answered = Some(Utc::now());
        }
    }

    /// Counts a request from a process that does not belong to the case.
    pub(super) fn count_foreign_request(&self, process: &str) {
        let mut journal = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        *journal.foreign_requests.entry(process.to_owned()).or_default() += 1;
    }

    /// Returns the number of requests from processes that do not belong to the case, by process.
    pub(super) fn foreign_requests(&self) -> BTreeMap<String, u64> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner).foreign_requests.clone()
    }

    /// Returns the number of exchanges so far.
    pub(super) fn exchange_count(&self) -> usize {
        self.content.lock().unwrap_or_else(PoisonError::into_inner).exchanges.len()
    }

    /// Returns the exchanges so far, in order.
    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner).exchanges.clone()
    }
}
