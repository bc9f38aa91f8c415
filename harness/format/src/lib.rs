//! The JSON documents that spanproof prints and stores: one serde type per document, the codes of
//! findings (the reasons why a case fails) with their explanations, and the exit codes of the
//! command.
//!
//! This crate is for programs that read spanproof's output. A document of the current major version
//! can be read whatever its minor version: unknown keys are ignored, and an unknown code, verdict,
//! piece of evidence or record becomes `Unknown`. [`Ending`], [`Answer`], [`Location`], [`Stream`],
//! [`WaitResult`] and [`Rows`] change only with a major version. [`parse`] rejects another major
//! version. For an incident, call [`compatibility`] with the format in its first record and
//! [`BUNDLE_FORMAT`].
//!
//! Times are [`chrono`] types and rows are [`serde_json`] maps. The public types use no other
//! crate.
//!
//! ```
//! use spanproof_format::{Code, Run, Verdict, parse};
//!
//! # let text = include_str!("../../../fixtures/format-1/json/check.json");
//! // The output of `spanproof check --format json`.
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
//! | the flags of a service | `flags --format json` | [`FlagTable`] |
//! | comparisons of deploy manifests | `guard --format json` | [`Guard`] |
//! | what was proved about flags | `check --write-proof` | [`FlagProof`] |
//! | traces | `traces --format json` | [`Traces`] |
//! | the evidence of a case: `evidence.json` | `check`, one folder per case | [`Observation`] |
//! | the plan of a run: `run.json` | `check`, beside the folders of its cases | [`RunPlan`] |
//! | an incident, one [`Record`] per line | `capture` | [`Record`] |
//!
//! The command prints [`Plan`], [`Proofs`], [`Replay`], [`Rejudgement`], [`Timings`] and
//! [`WatchFrame`] only as text, never as JSON.

mod bundle;
mod case;
mod code;
mod confidence;
mod count;
mod diagnosis;
mod evidence;
mod exit;
mod explanation;
mod finding;
mod flag_effect;
mod flag_proof;
mod flag_table;
mod flags;
mod guard;
mod job_times;
mod judgement;
mod log_facts;
mod observation;
mod output;
mod parse;
mod plan;
mod preflight;
mod proof;
mod repetition;
mod replay;
mod row_gain;
mod rows;
mod run;
mod run_plan;
mod sweep;
mod timing;
mod traces;
mod upstream;
mod version;
mod watch;
mod witness;

pub use bundle::{End, Header, IncidentOrigin, Masked, Record, Setup};
pub use case::Case;
pub use code::{Code, Stage, UnknownCode};
pub use confidence::{Alternative, Confidence};
pub use count::{count, count_phrase};
pub use diagnosis::{Diagnosis, JobDiagnosis, JobSummary, Reason};
pub use evidence::Evidence;
pub use exit::Exit;
pub use explanation::Explanation;
pub use finding::Finding;
pub use flag_effect::{FlagEffect, FlagEffects, FlagValue};
pub use flag_proof::{
    Combination, Difference, Effect, FlagProof, ProofInputs, ProvedEffect, ProvedFlag, ProvedValue,
};
pub use flag_table::{FlagRow, FlagSetting, FlagTable};
pub use guard::{Comparison, DeployedValue, Freshness, Guard, GuardResult, GuardStep, ProofState};
pub use job_times::JobTimes;
pub use judgement::{Experiment, Funnel, Judgement, Verdict};
pub use log_facts::LogFacts;
pub use observation::{
    ConcurrentSpan, Deployment, LineCounts, Observation, SecondJob, Submission, WaitResult,
};
pub use output::{Ending, Location, Output, OutputLine, ProcessExit, Stream};
pub use parse::{Document, ParseError, parse};
pub use plan::{Expectation, Plan, PlannedCase};
pub use preflight::{Check, CheckResult, Preflight};
pub use proof::{Proof, Proofs, SabotageResult};
pub use repetition::{LongerWait, Repetition};
pub use replay::{AdoptedIncident, Rejudgement, Replay, ReplayAttempt, ReplayOutcome};
pub use row_gain::RowGain;
pub use rows::{Row, Rows};
pub use run::{
    CaseResult, FailureGroup, OffReason, PassingChange, Run, Snapshot, SnapshotState, Summary,
};
pub use run_plan::RunPlan;
pub use sweep::{Sweep, SweepReading, SweepRow};
pub use timing::{StepTime, Timings};
pub use traces::{Diagnostic, Gap, SpanPosition, Trace, TraceSpan, Traces};
pub use upstream::{Answer, Behaviour, Exchange, Reply};
pub use version::{BUNDLE_FORMAT, Compatibility, EVIDENCE_FORMAT, SCHEMA, compatibility};
pub use watch::{WatchFrame, WatchedJob};
pub use witness::{BlindSpot, BlindSpotEffect, Failure, RunningStatement, Witness};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
