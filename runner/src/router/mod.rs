//! The upstream of the runner: a router that forwards questions to model providers. This module has
//! its client, and interprets its answers and failures.

mod answer;
mod client;
mod failure;

pub use answer::classify;
pub use client::HybridRouter;
pub use failure::{Failure, Kind};

use std::fmt;

use uuid::Uuid;

use crate::Pending;
use crate::jobspec::Unit;

/// An answer of the upstream.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The model's text.
    pub response: serde_json::Value,
    /// The provider that answered.
    pub provider: Option<String>,
    /// The router's metadata.
    pub metadata: serde_json::Value,
}

/// Answers the questions of units.
pub trait Upstream: fmt::Debug + Send + Sync {
    /// Sends the unit's question and returns the answer. The request carries the trace id.
    fn infer<'a>(&'a self, unit: &'a Unit, trace_id: Uuid) -> Pending<'a, Result<Answer, Failure>>;
}
