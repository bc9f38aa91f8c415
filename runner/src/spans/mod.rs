//! The database tracer: spans, debug lines about them, and the table that stores them.
//!
//! An error of the tracer never makes a job fail: it is only printed and logged.

mod console;
mod postgres;
mod span;
mod storage;
mod tracer;

pub use console::{Console, Stderr};
pub use postgres::PostgresSpans;
pub use span::{ExecutionRef, OpenSpan, SpanEnd, SpanStart, SpanStatus};
pub use storage::{SpanError, SpanStore};
pub use tracer::Tracer;

/// The service name in spans and debug lines.
pub const SERVICE: &str = "runner";
