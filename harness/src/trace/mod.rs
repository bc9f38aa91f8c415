//! Spans as traces: trees, in the order of time, with whatever is wrong with them. Pure.

mod span;
mod tree;

pub use span::Span;
pub use tree::{Gap, Place, Placed, Trace, traces};
