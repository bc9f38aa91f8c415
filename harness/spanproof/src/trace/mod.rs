//! Spans as traces: trees, in the order of time, with whatever is wrong with them; and as OTLP. Pure.

mod otlp;
mod tree;

pub(crate) use otlp::otlp_request;
pub(crate) use tree::{Place, Placed, Trace, traces};
