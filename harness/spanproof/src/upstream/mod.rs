//! The fake upstream: an HTTP server on loopback that replaces the server that the service under test
//! calls. It answers as a behaviour file defines, and records all requests in a journal. Requests from
//! processes that do not belong to the case are refused, and only counted. Does not depend on specs.

mod behaviour;
mod body;
mod journal;
mod server;
mod stored;

pub(crate) use behaviour::{Behaviour, Reply};
pub use journal::{Answer, Exchange};
pub(crate) use server::Error;
pub(crate) use server::Upstream;
pub use server::UpstreamError;
