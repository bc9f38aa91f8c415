//! The fake upstream: an HTTP server on loopback that answers as a behaviour file defines and keeps
//! a journal. Does not depend on specs.

mod behaviour;
mod journal;
mod server;
mod stored;

pub(crate) use behaviour::{Behaviour, Reply};
pub use journal::{Answer, Exchange};
pub(crate) use server::Error;
pub(crate) use server::Upstream;
pub use server::UpstreamError;
