//! The fake upstream: an HTTP server on loopback that behaves as a file says and keeps a journal.
//!
//! Knows nothing of specs: it is given a behaviour.

mod behaviour;
mod journal;
mod server;
mod stored;

pub(crate) use behaviour::{Behaviour, Reply};
pub use journal::{Answer, Exchange};
pub(crate) use server::Error;
pub(crate) use server::Upstream;
pub use server::UpstreamError;
