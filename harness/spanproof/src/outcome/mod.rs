//! What each command found, as plain data that a report turns into text or JSON.
//!
//! Everything that a report needs is computed here or to the left of here, so two reports of one
//! outcome can't disagree.

mod case;
mod diagnosis;
mod failure;
mod plan;
mod preflight;
mod proof;
mod replay;
mod run;
mod summary;
mod timing;
mod traces;
mod watch;

pub use case::{CaseOutcome, OffReason};
pub use diagnosis::DiagnosisOutcome;
pub use failure::FailureGroup;
pub use plan::{Expectation, PlanOutcome, PlannedCase};
pub use preflight::PreflightOutcome;
pub use proof::ProofOutcome;
pub use replay::{IncidentOutcome, RejudgeOutcome, ReplayOutcome};
pub use run::RunOutcome;
pub use summary::Summary;
pub use timing::{StepTime, Timings};
pub use traces::{TraceOutcome, TracesOutcome};
pub use watch::{WatchFrame, WatchedJob};

// Types of other modules that are plain data of the right shape already.
pub use crate::deployment::Answer;
pub use crate::incident::{Faithful, Reproduction};
pub use crate::matrix::Case;
pub use crate::observation::{DeploymentSummary, LogFacts, Row};
pub use crate::preflight::{Check, Outcome as CheckResult};
pub use crate::suite::{Counterfactual, Proof, Snapshot, State as SnapshotState, Told};
pub use crate::trace::{Place, Placed, Trace};
pub use crate::verdict::{Code, Diagnosis, Finding, Funnel, JobSeen, Judgement, Stage, Verdict};
