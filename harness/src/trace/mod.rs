//! Spans as traces: trees, in the order of time, with whatever is wrong with them; and as OTLP. Pure.

mod otlp;
mod span;
mod tree;

pub use otlp::otlp_request;
pub use span::Span;
pub use tree::{Gap, Place, Placed, Trace, traces};
