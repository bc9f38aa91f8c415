//! What was seen of one piece of work: one model, whether a trial ran it or an existing system did, and
//! the folder it is stored in.
//!
//! What judges or shows observations uses this module and never touches a service or a database.

mod deployment;
mod judged;
mod line;
mod masking;
mod model;
mod part;
mod source;
mod span;
mod startup;
mod store;
mod stored;
mod table;
mod trial;
mod unit;
mod visit;
mod witness;

pub use deployment::Deployment;
pub(crate) use deployment::{Log, LogFacts, LogLine, Neighbour};
pub(crate) use judged::{Judged, Names, is_judged};
pub use line::Place;
pub(crate) use line::{Line, Meaning};
pub(crate) use masking::masked_flag;
pub(crate) use masking::{masked_case, secrets, unmasked_flags};
pub use model::{Observation, Origin};
pub(crate) use source::{Sink, Source};
pub(crate) use span::{Field, Span, SpanRows, SpanSource, StatusCode};
pub(crate) use startup::{group, redacted};
pub(crate) use store::Error;
pub use store::{EvidenceError, list, read, write};
pub(crate) use table::Table;
pub use table::{Row, Rows, Tables};
pub(crate) use table::{text, time};
pub use trial::{ProcessRun, Reached, Second, Service, StartupCut, Submission, TrialRecord, Work};
pub(crate) use unit::{Job, Owner, Unit};
pub(crate) use visit::{Part, Visitor};
pub use witness::{Failure, Witness};
