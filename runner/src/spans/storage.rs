//! The storage that the tracer writes spans to.

use std::fmt;

use super::span::{SpanEnd, SpanStart};
use crate::Pending;
use crate::database_error::one_line;

/// Stores spans.
pub trait SpanStore: fmt::Debug + Send + Sync {
    /// Stores a span that starts.
    fn start<'a>(&'a self, span: &'a SpanStart) -> Pending<'a, Result<(), SpanError>>;

    /// Stores the end of a span.
    fn finish<'a>(&'a self, end: &'a SpanEnd) -> Pending<'a, Result<(), SpanError>>;

    /// Ends the open spans of an execution (one unit of work) as failed. The runner calls this if the
    /// worker that executed the unit died, or if the unit's code panicked.
    fn abandon<'a>(
        &'a self,
        execution_id: i64,
        reason: &'a str,
    ) -> Pending<'a, Result<(), SpanError>>;
}

/// A span could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum SpanError {
    /// The database returned an error.
    #[error("{}", one_line(.0))]
    Database(#[from] sqlx::Error),
    /// The database did not answer in time.
    #[error("no answer from the database within {0} ms")]
    Timeout(u128),
    /// The database has no open span with this id.
    #[error("the database has no open span with this id")]
    Missing,
}
