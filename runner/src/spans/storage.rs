//! What the tracer needs of a place that keeps spans.

use std::fmt;

use super::span::{SpanEnd, SpanStart};
use crate::Pending;
use crate::database_error::told;

/// Keeps spans.
pub trait SpanStore: fmt::Debug + Send + Sync {
    /// Records that a span has begun.
    fn start<'a>(&'a self, span: &'a SpanStart) -> Pending<'a, Result<(), SpanError>>;

    /// Records that a span has ended.
    fn finish<'a>(&'a self, end: &'a SpanEnd) -> Pending<'a, Result<(), SpanError>>;

    /// Closes the spans of an execution whose worker is gone, as failed.
    fn abandon<'a>(
        &'a self,
        execution_id: i64,
        reason: &'a str,
    ) -> Pending<'a, Result<(), SpanError>>;
}

/// A span could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum SpanError {
    /// The database said no.
    #[error("{}", told(.0))]
    Database(#[from] sqlx::Error),
    /// The database did not answer.
    #[error("no answer from the database within {0} ms")]
    Timeout(u128),
    /// There is no row of this span to complete.
    #[error("the span is not in the database")]
    Missing,
}
