//! The upstream router: asking it, and what its many ways to fail are called.

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

/// What the upstream answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The model's text.
    pub response: serde_json::Value,
    /// Who answered.
    pub provider: Option<String>,
    /// What the router says besides.
    pub metadata: serde_json::Value,
}

/// Answers questions.
pub trait Upstream: fmt::Debug + Send + Sync {
    /// Asks one unit's question; the trace id goes along.
    fn infer<'a>(&'a self, unit: &'a Unit, trace_id: Uuid) -> Pending<'a, Result<Answer, Failure>>;
}
