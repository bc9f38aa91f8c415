//! Observations: the evidence of one trial (one run of the service by spanproof), or of one existing system,
//! which spanproof did not start. Both have the same type. Also reads and writes the folder that stores an
//! observation.
//!
//! Verdicts and reports read observations and never touch a service or a database.

mod claim;
mod column_role;
mod deployment;
mod found_secrets;
mod job_period;
mod known_error;
mod line;
mod masking;
mod model;
mod naming;
mod ownerless;
mod part;
mod redaction;
mod repetition;
mod source;
mod span;
mod startup;
mod store;
mod stored;
mod stored_witness;
mod table;
mod time;
mod trial;
mod unit;
mod variance;
mod visit;
mod witness;

pub(crate) use claim::{contradictions, current_startup_lines, process_name};
pub(crate) use column_role::{ColumnRole, NameMasker, is_compared};
pub use deployment::Deployment;
pub(crate) use deployment::{ConcurrentSpan, DATE_DOUBTS, Log, LogFacts, LogLine, OtherTable};
pub(crate) use known_error::{
    FULL_DISK, KnownError, LIBRARY_OFF, is_handled, known_texts, mentions, reports_full_queue,
    reports_library_off,
};
pub use line::Location;
pub(crate) use line::{Line, TracerEvent};
pub(crate) use masking::{masked_case, masked_flag, secrets, spec_secrets, unmasked_flags};
pub(crate) use model::located;
pub use model::{Observation, Origin};
pub(crate) use naming::has_id;
pub(crate) use ownerless::SharedSpans;
pub(crate) use redaction::Redactor;
pub(crate) use repetition::Repetition;
pub(crate) use source::{Sink, Source};
pub(crate) use span::{Field, Span, SpanRows, SpanSource, StatusCode, is_zero_id};
pub(crate) use startup::{snapshot_name, startup_snapshot};
pub(crate) use store::{Error, is_stored};
pub use store::{EvidenceError, list, read, write};
pub(crate) use table::Table;
pub use table::{Row, Rows, TableRows};
pub(crate) use table::{canonical_id, id, id_to_compare, text, time};
pub(crate) use time::Time;
pub use trial::{
    JobRun, LineCounts, Period, ProcessRun, SecondJob, Service, Submission, TrialRecord, WaitResult,
};
pub(crate) use unit::{Job, Owner, Unit};
pub(crate) use visit::{Part, Visitor};
pub(crate) use witness::RunningStatement;
pub use witness::{BlindSpot, BlindSpotEffect, Failure, Witness};
