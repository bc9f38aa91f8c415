//! One failure of a unit: its code, its class, and the JSON stored for it.

use serde_json::{Map, Value as Json, json};

use crate::spans::SpanStatus;

/// The class of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The router answered, and its answer is a refusal.
    Router,
    /// The router answered with a status that is no success.
    Http(u16),
    /// The answer can't be read.
    Json,
    /// There was no answer.
    Network,
    /// There was no answer in time.
    Timeout,
    /// No router is configured, so nothing was asked.
    NotConfigured,
    /// The runner was stopped first.
    Shutdown,
    /// The runner itself failed.
    Internal,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Router => "router_error",
            Self::Http(_) => "http_error",
            Self::Json => "json_error",
            Self::Network => "network",
            Self::Timeout => "timeout",
            Self::NotConfigured => "configuration",
            Self::Shutdown => "shutdown",
            Self::Internal => "internal",
        }
    }

    fn code(self) -> String {
        match self {
            Self::Router => "ROUTER_ERROR".into(),
            Self::Http(status) => format!("ROUTER_HTTP_{status}"),
            Self::Json => "ROUTER_JSON_ERROR".into(),
            Self::Network => "ROUTER_NETWORK".into(),
            Self::Timeout => "ROUTER_TIMEOUT".into(),
            Self::NotConfigured => "ROUTER_NOT_CONFIGURED".into(),
            Self::Shutdown => "SHUTDOWN".into(),
            Self::Internal => "INTERNAL".into(),
        }
    }

    /// Whether the same question may well succeed later.
    fn transient(self) -> bool {
        match self {
            Self::Http(status) => status >= 500 || status == 429,
            Self::Network | Self::Timeout | Self::Shutdown => true,
            Self::Router | Self::Json | Self::NotConfigured | Self::Internal => false,
        }
    }

    /// Which part of the system failed.
    fn component(self) -> &'static str {
        match self {
            Self::NotConfigured | Self::Shutdown | Self::Internal => "runner",
            _ => "hybrid_router",
        }
    }

    fn stage(self) -> &'static str {
        match self {
            Self::NotConfigured => "configuration",
            Self::Shutdown => "shutdown",
            Self::Internal => "execution",
            Self::Json => "response",
            Self::Network | Self::Timeout => "request",
            Self::Router | Self::Http(_) => "inference",
        }
    }
}

/// Why a unit has no answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// Its class.
    pub kind: Kind,
    /// Its code: the router's own where it gave one.
    pub code: String,
    /// What happened, for people.
    pub message: String,
    /// Who was asked, as far as the router says.
    pub provider: Option<String>,
    /// Keys of the stored `failure` object besides the standard ones; the router's own go first.
    pub details: Box<Map<String, Json>>,
}

impl Failure {
    /// A failure with the code of its class.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        let mut details = Box::new(Map::new());
        if let Kind::Http(status) = kind {
            details.insert("http_status".into(), status.into());
        }
        Self { kind, code: kind.code(), message: message.into(), provider: None, details }
    }

    /// The same failure with one more detail.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Json>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    /// How the span and the execution end.
    pub fn status(&self) -> SpanStatus {
        if self.kind == Kind::Timeout { SpanStatus::Timeout } else { SpanStatus::Failed }
    }

    /// The JSON stored as the output of the execution.
    pub fn output(&self) -> Json {
        let mut failure = Map::new();
        failure.insert("code".into(), self.code.clone().into());
        failure.insert("type".into(), self.kind.name().into());
        failure.insert("stage".into(), self.kind.stage().into());
        failure.insert("component".into(), self.kind.component().into());
        failure.insert("message".into(), self.message.clone().into());
        failure.insert("transient".into(), self.kind.transient().into());
        for (key, value) in self.details.iter() {
            failure.insert(key.clone(), value.clone());
        }
        json!({ "error": self.message, "error_code": self.code, "failure": failure })
    }
}
