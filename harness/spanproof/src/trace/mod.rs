//! Builds the tree of each trace from its spans. Marks orphans (spans whose parent is missing),
//! cycles of parents, and gaps (long times without spans). Converts traces to OTLP.

mod otlp;
mod tree;

pub(crate) use otlp::otlp_request;
pub(crate) use tree::{Node, Position, Trace, traces};
