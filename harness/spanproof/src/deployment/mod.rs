//! Reads an existing system: its database or a dump, and its log. Nothing is written, except by
//! `preflight` (the command that checks whether a service can record spans), whose changes are rolled
//! back. A query that would slow down other users of the database is not run.

pub(crate) mod catalog;
mod claims;
mod diagnostic;
mod dump;
mod existing;
mod feed;
mod jobs;
mod line_kind;
mod log;
mod log_date;
mod log_doubt;
mod log_order;
mod log_pattern;
mod log_stream;
mod log_zone;
mod lookup;
mod quotation;
mod records;
mod reply;
mod required_columns;
mod selection;
mod session;
mod spans;
mod traces;
mod unpack;
mod window;

pub(crate) use diagnostic::FunctionResult;
pub use dump::Dump;
pub(crate) use existing::empty_observation;
pub use existing::{ExistingSystem, RowSource};
pub use feed::{JobFeed, JobProgress};
pub(crate) use log::{LogQuery, read_log};
pub use log_stream::LogStream;
pub(crate) use reply::Reply;
pub use selection::JobSelection;
pub(crate) use session::Error;
pub(crate) use session::Refusal;
pub use session::{DeploymentError, Session};
pub use traces::{TraceMatches, TraceQuery, find_traces};
pub use window::{TimeBound, Window};
