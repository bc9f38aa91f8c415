//! The client of the upstream router, and its failures.

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

/// Answers questions.
pub trait Upstream: fmt::Debug + Send + Sync {
    /// Asks the question of a unit. The request carries the trace id.
    fn infer<'a>(&'a self, unit: &'a Unit, trace_id: Uuid) -> Pending<'a, Result<Answer, Failure>>;
}
