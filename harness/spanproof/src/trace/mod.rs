//! Builds the trees of traces from spans, with their orphans, cycles and gaps. Converts traces to
//! OTLP.

mod otlp;
mod tree;

pub(crate) use otlp::otlp_request;
pub(crate) use tree::{Node, Position, Trace, traces};
