//! What the upstream was asked and what it answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// A longer request body is cut here.
const BODY: usize = 64 * 1024;

/// What a request got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An answer with this HTTP status.
    Status(u16),
    /// The connection was closed without an answer.
    Closed,
    /// Nothing, for ever.
    Hanging,
    /// No reply of the behaviour was meant for it: it got 404, and this is the nearest reply.
    Unmatched(String),
}

/// One request with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Milliseconds from the start of the upstream.
    pub at_ms: u64,
    /// The request's method.
    pub method: String,
    /// The request's path.
    pub path: String,
    /// The request's headers, names in lower case, secrets masked.
    pub headers: BTreeMap<String, String>,
    /// The request's body as text, secrets masked, cut at 64 KiB.
    pub body: String,
    /// What it got.
    pub answer: Answer,
}

/// The journal while it is being written.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    start: Instant,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

impl Journal {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), exchanges: Arc::default() }
    }

    pub(super) fn write(&self, request: &wiremock::Request, answer: Answer) {
        let headers = request.headers.iter().map(|(name, value)| {
            let name = name.as_str().to_owned();
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.clone(), crate::mask::variable(&name, &value))
        });
        let body = &request.body[..request.body.len().min(BODY)];
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

    pub(super) fn read(&self) -> Vec<Exchange> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
