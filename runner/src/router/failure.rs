//! The failure of a unit (one question for one model in one region): the kind of the failure, its
//! code, and the JSON stored for it. The router is the service that forwards questions to model
//! providers.

use serde_json::{Map, Value as Json, json};

use crate::spans::SpanStatus;

/// The kind of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The router reported a failure.
    Router,
    /// The router answered with a status other than 2xx.
    Http(u16),
    /// The answer can't be parsed.
    Json,
    /// The connection or the request failed.
    Network,
    /// The router did not answer in time.
    Timeout,
    /// No router is configured, or the router is disabled, so no request was sent.
    NotConfigured,
    /// The runner stopped before the answer came.
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

    /// Whether a retry can succeed.
    fn transient(self) -> bool {
        match self {
            Self::Http(status) => status >= 500 || status == 429,
            Self::Network | Self::Timeout | Self::Shutdown => true,
            Self::Router | Self::Json | Self::NotConfigured | Self::Internal => false,
        }
    }

    /// The component that failed.
    fn component(self) -> &'static str {
        match self {
            Self::NotConfigured | Self::Shutdown | Self::Internal => "runner",
            _ => "hybrid_router",
        }
    }

    /// The step at which the execution of the unit failed.
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

/// The reason why a unit has no answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The kind.
    pub kind: Kind,
    /// The router's code, or the code of the kind if the router sent none.
    pub code: String,
    /// What happened.
    pub message: String,
    /// The provider that the router asked, if it reports one.
    pub provider: Option<String>,
    /// More keys of the stored `failure` object. Each overrides the standard key with the same name.
    pub details: Box<Map<String, Json>>,
}

impl Failure {
    /// Creates a failure with the code of its kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        let mut details = Box::new(Map::new());
        if let Kind::Http(status) = kind {
            details.insert("http_status".into(), status.into());
        }
        Self { kind, code: kind.code(), message: message.into(), provider: None, details }
    }

    /// Adds a detail.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Json>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    /// Returns the status of the unit's spans and of its row in `executions`.
    pub fn status(&self) -> SpanStatus {
        if self.kind == Kind::Timeout { SpanStatus::Timeout } else { SpanStatus::Failed }
    }

    /// Returns the JSON for the column `executions.output`.
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
