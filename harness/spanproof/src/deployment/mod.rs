//! An existing system: its database, its log. Everything here only reads, and is
//! careful with a database that others work on.

mod answer;
pub(crate) mod catalog;
mod dump;
mod feed;
mod gather;
mod jobs;
mod log;
mod lookup;
mod moment;
mod records;
mod reply;
mod session;
mod spans;
mod subject;
mod traces;

pub(crate) use answer::Answer;
pub use dump::Dump;
pub use feed::{JobFeed, JobProgress};
pub(crate) use gather::unseen;
pub use gather::{Existing, Rowset};
pub use log::LogStream;
pub(crate) use log::read_log;
pub use moment::{Moment, Window};
pub(crate) use reply::Reply;
pub(crate) use session::Error;
pub(crate) use session::Refusal;
pub use session::{DeploymentError, Session};
pub use subject::Subject;
pub use traces::{TraceMatches, TraceQuery, find_traces};
