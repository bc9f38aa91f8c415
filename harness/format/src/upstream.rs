//! What the upstream was asked, what it answered, and how it behaves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One request to the upstream with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Exchange {
    /// Milliseconds from the start of the upstream.
    pub at_ms: u64,
    /// The request's method.
    pub method: String,
    /// The request's path.
    pub path: String,
    /// The request's headers, names in lower case, secrets masked.
    pub headers: BTreeMap<String, String>,
    /// The request's body as text, secrets masked.
    pub body: String,
    /// What it got.
    pub answer: Answer,
}

/// What a request to the upstream got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// An answer with this HTTP status.
    Status(u16),
    /// The connection was closed without an answer.
    Closed,
    /// No answer at all.
    Hanging,
    /// HTTP 404, because no reply of the behaviour matches; the nearest reply.
    Unmatched(String),
}

/// How an upstream behaves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Behaviour {
    /// One line that says what the upstream does.
    pub about: String,
    /// The replies; a request gets the first whose method and path match.
    #[serde(rename = "reply")]
    pub replies: Vec<Reply>,
}

/// One reply of an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Reply {
    /// The request's method.
    pub method: String,
    /// The request's path without its query.
    pub path: String,
    /// How many requests get this reply; `None` if all do.
    pub times: Option<u64>,
    /// Milliseconds before the answer.
    #[serde(default)]
    pub delay_ms: u64,
    /// The answer's HTTP status.
    #[serde(default = "ok")]
    pub status: u16,
    /// The answer's headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A JSON body, with placeholders.
    pub json: Option<String>,
    /// A body that is sent as it is.
    pub text: Option<String>,
    /// Spaces that are added to the body.
    #[serde(default)]
    pub pad_bytes: usize,
    /// Whether the connection is closed without an answer.
    #[serde(default)]
    pub close: bool,
    /// Whether the request is never answered.
    #[serde(default)]
    pub hang: bool,
}

fn ok() -> u16 {
    200
}

impl Exchange {
    /// Creates an exchange without headers and body.
    pub fn new(
        at_ms: u64,
        method: impl Into<String>,
        path: impl Into<String>,
        answer: Answer,
    ) -> Self {
        let (method, path) = (method.into(), path.into());
        Self { at_ms, method, path, headers: BTreeMap::new(), body: String::new(), answer }
    }
}

impl Behaviour {
    /// Creates a behaviour from its replies.
    pub fn new(about: impl Into<String>, replies: Vec<Reply>) -> Self {
        Self { about: about.into(), replies }
    }
}

impl Reply {
    /// Creates a reply with status 200 and no body.
    pub fn new(method: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            path: path.into(),
            times: None,
            delay_ms: 0,
            status: ok(),
            headers: BTreeMap::new(),
            json: None,
            text: None,
            pad_bytes: 0,
            close: false,
            hang: false,
        }
    }
}
