//! Spans as traces: trees, in the order of time, with whatever is wrong with them; and as OTLP. Pure.

mod otlp;
mod tree;

pub use otlp::otlp_request;
pub use tree::{Gap, Place, Placed, Trace, traces};
