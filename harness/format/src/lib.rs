//! What spanproof prints as JSON and stores in files: one serde type for each document, the codes
//! of findings with their explanations, and the exit codes of the command.
//!
//! For programs that read spanproof's output. A document of the current major version can be read
//! whatever its minor version is: keys that are not known are ignored, and a code, a verdict, a piece of
//! evidence or a record that is not known is `Unknown`. How a process ended, what an upstream answered
//! and where a line stands ([`Ending`], [`Answer`], [`Place`], [`Stream`], [`Reached`], [`Rows`]) changes
//! with a major version only. [`parse`] refuses another major version; of an incident, compare the format
//! in its first record by [`age`].
//!
//! Times are [`chrono`]'s and rows are [`serde_json`]'s; no other crate is in the public types.
//!
//! ```
//! use spanproof_format::{Code, Run, Verdict, parse};
//!
//! # let text = include_str!("../../../fixtures/format-1/json/check.json");
//! // What `spanproof check --format json` printed.
//! let run: Run = parse(text)?;
//! for case in &run.cases {
//!     if let Verdict::Fail(findings) = &case.verdict {
//!         println!("{}: {}", case.id, findings[0].code.meaning());
//!     }
//! }
//! assert_eq!("path-not-executed".parse(), Ok(Code::PathNotExecuted));
//! # Ok::<(), spanproof_format::ParseError>(())
//! ```
//!
//! | document | printed or written by | type |
//! |---|---|---|
//! | a run | `check --format json`, `report --format json` | [`Run`] |
//! | a diagnosis | `diagnose --format json` | [`Diagnosis`] |
//! | a preflight | `preflight --format json` | [`Preflight`] |
//! | traces | `traces --format json` | [`Traces`] |
//! | evidence of a case: `evidence.json` | `check`, one folder for each case | [`Observation`] |
//! | the plan of a run: `run.json` | `check`, beside the folders of its cases | [`RunPlan`] |
//! | an incident, one [`Record`] a line | `capture` | [`Record`] |
//!
//! [`Plan`], [`Proofs`], [`Replay`], [`Rejudged`], [`Timings`] and [`WatchFrame`] are printed as text
//! only.

mod bundle;
mod case;
mod code;
mod diagnosis;
mod evidence;
mod exit;
mod explanation;
mod finding;
mod flags;
mod judgement;
mod observation;
mod output;
mod parse;
mod plan;
mod preflight;
mod proof;
mod replay;
mod rows;
mod run;
mod timing;
mod traces;
mod upstream;
mod version;
mod watch;

pub use bundle::{End, Header, IncidentOrigin, Masked, Record, Setting};
pub use case::Case;
pub use code::{Code, Stage, UnknownCode};
pub use diagnosis::{Diagnosed, Diagnosis, JobSeen, Reason};
pub use evidence::Evidence;
pub use exit::Exit;
pub use explanation::Explanation;
pub use finding::Finding;
pub use judgement::{Experiment, Funnel, Judgement, Verdict};
pub use observation::{
    Deployment, Failure, LogFacts, Neighbour, Observation, Reached, Recovery, RunPlan, StartupCut,
    Submission, Witness,
};
pub use output::{Ending, Output, OutputLine, Place, ProcessExit, Stream};
pub use parse::{Document, ParseError, parse};
pub use plan::{Expectation, Plan, PlannedCase};
pub use preflight::{Check, CheckResult, Preflight};
pub use proof::{Proof, ProofResult, Proofs};
pub use replay::{Faithful, Incident, Rejudged, Replay, Reproduction};
pub use rows::{Row, Rows};
pub use run::{
    CaseResult, Counterfactual, FailureGroup, OffReason, Run, Snapshot, SnapshotState, Summary,
};
pub use timing::{StepTime, Timings};
pub use traces::{Diagnostic, Gap, SpanPlace, Trace, TraceSpan, Traces};
pub use upstream::{Answer, Behaviour, Exchange, Reply};
pub use version::{Age, BUNDLE_FORMAT, EVIDENCE_FORMAT, SCHEMA, age};
pub use watch::{WatchFrame, WatchedJob};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
