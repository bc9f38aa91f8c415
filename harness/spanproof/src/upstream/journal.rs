//! The journal of a fake upstream: the requests that it got, each with its answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Maximum length of a request body in the journal, in bytes; a longer body is cut off.
const MAX_BODY: usize = 64 * 1024;

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An answer with this HTTP status.
    Status(u16),
    /// The connection was closed without an answer.
    Closed,
    /// The request was never answered.
    Hanging,
    /// The behaviour file has no reply for the request, so the answer was 404. The text is the
    /// method and path of the most similar reply.
    Unmatched(String),
}

/// A request and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Milliseconds from the start of the upstream.
    pub at_ms: u64,
    /// The method of the request.
    pub method: String,
    /// The path of the request.
    pub path: String,
    /// The headers of the request, names in lower case, secrets masked.
    pub headers: BTreeMap<String, String>,
    /// The body of the request as text, secrets masked, cut off at 64 KiB.
    pub body: String,
    /// The answer.
    pub answer: Answer,
}

/// A journal in memory. Its clones share its content.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    start: Instant,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

impl Journal {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), exchanges: Arc::default() }
    }

    /// Adds a request and its answer.
    pub(super) fn add(&self, request: &wiremock::Request, answer: Answer) {
        let headers = request.headers.iter().map(|(name, value)| {
            let name = name.as_str().to_owned();
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.clone(), crate::mask::variable(&name, &value))
        });
        let body = &request.body[..request.body.len().min(MAX_BODY)];
        let exchange = Exchange {
            at_ms: u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX),
            method: request.method.to_string(),
            path: request.url.path().to_owned(),
            headers: headers.collect(),
            body: crate::mask::text(&String::from_utf8_lossy(body)),
            answer,
        };
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
    }

    /// Returns the exchanges so far, in order.
    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
