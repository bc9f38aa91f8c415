//! The client of the upstream, and the interpretation of its answers and failures. The upstream is a
//! router: a service that forwards questions to model providers.

mod answer;
mod client;
mod failure;

pub use answer::classify;
pub use client::RouterClient;
pub use failure::{Failure, Kind};

use std::fmt;

use uuid::Uuid;

use crate::Pending;
use crate::jobspec::Unit;

/// An answer of the upstream.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What the model answered: any JSON value, usually a string.
    pub response: serde_json::Value,
    /// The provider that answered.
    pub provider: Option<String>,
    /// The router's metadata.
    pub metadata: serde_json::Value,
}

/// Answers the questions of units. A unit is one question for one model in one region.
pub trait Upstream: fmt::Debug + Send + Sync {
    /// Sends the unit's question and returns the answer. The request carries the trace id.
    fn infer<'a>(&'a self, unit: &'a Unit, trace_id: Uuid) -> Pending<'a, Result<Answer, Failure>>;
}
