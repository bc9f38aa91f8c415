//! The upstream, a fake HTTP server that the service calls: its behaviour, requests and answers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A request to the upstream, with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Exchange {
    /// Milliseconds since the start of the upstream.
    pub at_ms: u64,
    /// When the upstream was about to send its response, by the clock of the machine that ran the case; `None`
    /// if it sent none. The client may have gone away by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<DateTime<Utc>>,
    /// The request's method.
    pub method: String,
    /// The request's path.
    pub path: String,
    /// The request's headers, names in lower case, secrets masked.
    pub headers: BTreeMap<String, String>,
    /// The request's body as text, secrets masked.
    pub body: String,
    /// The answer.
    pub answer: Answer,
}

/// The upstream's answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// A response with this HTTP status.
    Status(u16),
    /// The connection was closed without a response.
    Closed,
    /// The upstream sent no response and kept the connection open.
    Hanging,
    /// HTTP 404, because no reply of the behaviour matches the request. Contains the method and
    /// path of the most similar reply.
    Unmatched(String),
}

/// The behaviour of an upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Behaviour {
    /// What the upstream does, in one line.
    pub about: String,
    /// The replies. A request gets the first one with its method and path.
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
    /// The request's path, without the query.
    pub path: String,
    /// The maximum number of requests that get this reply; `None` if there is no limit.
    pub times: Option<u64>,
    /// The delay of the response, in milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
    /// The HTTP status of the response.
    #[serde(default = "default_status")]
    pub status: u16,
    /// The headers of the response.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A JSON body. `"{request:/pointer}"` in this body stands for a value of the request's JSON
    /// body.
    pub json: Option<String>,
    /// A text body, sent unchanged.
    pub text: Option<String>,
    /// The number of spaces appended to the body.
    #[serde(default)]
    pub pad_bytes: usize,
    /// Whether the connection is closed without a response.
    #[serde(default)]
    pub close: bool,
    /// Whether the request never gets a response.
    #[serde(default)]
    pub hang: bool,
}

fn default_status() -> u16 {
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
        let (headers, body) = (BTreeMap::new(), String::new());
        Self { at_ms, answered: None, method, path, headers, body, answer }
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
            status: default_status(),
            headers: BTreeMap::new(),
            json: None,
            text: None,
            pad_bytes: 0,
            close: false,
            hang: false,
        }
    }
}
