//! What was seen of one piece of work, as one model wherever it was seen, and as a folder.
//!
//! Everything to the right of this module judges or shows observations and never touches the world.

mod deployment;
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

pub use deployment::{Deployment, Log, LogFacts, LogLine, Neighbour};
pub use line::{Line, Meaning, Place};
pub use masking::secrets;
pub use model::{Observation, Origin};
pub use source::{Sink, Source};
pub use span::{Field, Span, SpanRows, SpanSource, Status, StatusCode, Time};
pub use startup::{group, redacted};
pub use store::{Error, list, read, write};
pub use stored::{DeploymentSummary, FORMAT};
pub(crate) use stored::{StoredLine, StoredObservation};
pub use table::{Row, Rows, Table, Tables};
pub(crate) use table::{quoted, text, time};
pub use trial::{ProcessRun, Reached, Second, Service, StartupCut, Submission, TrialRecord, Work};
pub use unit::{Job, Owner, Unit};
pub use visit::{Part, Visitor};
pub use witness::{Failure, Witness};
