//! The database tracer: spans of a unit, the debug lines about them, and where they are kept.
//!
//! Nothing in here can fail a unit: what goes wrong is printed, logged and left at that.

mod console;
mod postgres;
mod span;
mod storage;
mod tracer;

pub use console::{Console, Stderr};
pub use postgres::PostgresSpans;
pub use span::{OpenSpan, SpanEnd, SpanStart, SpanStatus, Subject};
pub use storage::{SpanError, SpanStore};
pub use tracer::Tracer;

/// The name of this service in its spans and debug lines.
pub const SERVICE: &str = "runner";
