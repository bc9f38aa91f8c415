//! Proves whether a service's spans are really recorded, and names the reason if they are not.
//!
//! The spec, `spanproof.toml`, declares how to start the service, its flags, the tables of its
//! jobs, units of work and spans, and the spans that each unit should leave. The library runs the
//! service under each combination of flags, each time with a disposable Postgres and a fake of the
//! HTTP service that it calls (its *upstream*). It submits a job and judges what was recorded. The
//! command `spanproof` of the crate `spanproof-cli` does all of this for all cases of a spec, and
//! explains missing spans in production.
//!
//! # A disposable Postgres
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), spanproof::postgres::Error> {
//! use spanproof::postgres::Database;
//!
//! let database = Database::migrated("../../migrations").await?;
//! println!("{}", database.url());
//! database.close().await
//! # }
//! ```
//!
//! A test that needs only a database can depend on the crate `spanproof-postgres`, re-exported as
//! [`postgres`].
//!
//! # A trial in a test
//!
//! ```no_run
//! use rstest::rstest;
//! use spanproof::{World, judge};
//!
//! #[rstest]
//! #[case("true", 8)]
//! #[case("TRUE", 0)]
//! #[case("", 0)]
//! #[tokio::test]
//! async fn spans_need_exactly_the_value_true(#[case] value: &str, #[case] spans: usize) {
//!     let world =
//!         World::new("../spanproof.toml").binary(env!("CARGO_BIN_EXE_runner")).shared_server();
//!     let world = world.open().await.unwrap();
//!     let observation = world.trial().flag("ENABLE_DB_TRACING", value).run().await.unwrap();
//!     assert_eq!(observation.tables.spans.all().len(), spans);
//!     judge(world.spec(), &observation).passed().unwrap();
//! }
//! # fn main() {}
//! ```
//!
//! A trial is one run of the service. A [`World`] holds what trials share: the spec, the program and
//! a Postgres server. [`World::new`] takes the path of the spec. [`World::trial`] describes one
//! trial; anything that it does not set has the spec's default. [`judge`] compares the observation of a trial
//! (its output, rows and requests) with the spec; the error of [`Judgement::passed`] is the text that the
//! command prints. [`judge_all`] also compares cases with each other, [`run`] runs many cases, and [`prove`]
//! breaks passing cases on purpose, to show that they then fail.
//!
//! # A verdict on stored evidence
//!
//! `spanproof check` stores the evidence of each case in a folder. [`capture_deployment`] stores a
//! job of an existing system in a file. Both can be judged again at any time, even with a
//! different spec.
//!
//! ```
//! use std::path::Path;
//!
//! use spanproof::{Code, Spec, judge, read_evidence};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # std::env::set_current_dir("../../fixtures/format-1")?;
//! let spec = Spec::read(Path::new("spec/spanproof.toml"))?;
//! let observation = read_evidence(Path::new("run/7b3ed58e"))?;
//! let judgement = judge(&spec, &observation);
//! assert_eq!(judgement.code(), Some(Code::PathNotExecuted));
//! for finding in judgement.findings() {
//!     println!("{finding}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Types of other crates
//!
//! The documents that commands print and store have types in the crate `spanproof-format`,
//! re-exported as [`format`](mod@format). Functions such as [`replay`] return them. An
//! [`Observation`] converts into its stored form and back with `From`.
//!
//! The public API also uses types of [`postgres`], `chrono` (times), `serde_json` (rows and jobs)
//! and `tokio` (the receiver that cancels a run).

mod chain;
mod deployment;
mod document;
mod effect;
mod environment;
mod guard;
mod identifier;
mod incident;
mod json_path;
mod log;
mod mask;
mod matrix;
mod observation;
mod outcome;
mod preflight;
mod process;
mod spec;
mod suite;
mod template;
mod timestamp;
mod trace;
mod trial;
mod upstream;
mod verdict;

pub use deployment::{
    DeploymentError, Dump, ExistingSystem, JobFeed, JobProgress, JobSelection, LogStream,
    RowSource, Session, TimeBound, TraceMatches, TraceQuery, Window, find_traces,
};
pub use document::{SpecError, suggestion};
pub use guard::{DeployedCase, GuardBase, GuardError, GuardInput};
pub use incident::{
    Bundle, ExpectedVerdict, IncidentError, Masking, adopt, capture_case, capture_deployment,
    list_incidents, rejudge_incident, replay, replay_adopted,
};
pub use mask::text as mask_secrets;
pub use matrix::{Case, Filter, MatrixError, Selection, cases, experiments};
pub use observation::{
    BlindSpot, BlindSpotEffect, Deployment, EvidenceError, Failure, JobRun, LineCounts, Location,
    Observation, Origin, Period, ProcessRun, Row, Rows, SecondJob, Service, Submission, TableRows,
    TrialRecord, WaitResult, Witness, list as list_evidence, read as read_evidence,
    write as write_evidence,
};
pub use outcome::plan;
pub use preflight::{ManifestFlag, Startup, check_database, check_manifest, check_startup};
pub use process::{
    Ending, Exit as ProcessExit, Line as OutputLine, Output, ProcessError, Stream,
    quoted as shell_quoted,
};
#[doc(no_inline)]
pub use spanproof_format as format;
#[doc(no_inline)]
pub use spanproof_format::{Code, Stage};
#[doc(no_inline)]
pub use spanproof_postgres as postgres;
pub use spec::{Day, FILE as SPEC_FILE, FaultKind, Flag, Spec, Value, spec_schema};
pub use suite::{
    CaseResult, KeepDatabases, ProofResult, RunEvent, RunOptions, RunResult, Snapshot, SweepResult,
    compare_snapshots, is_run_folder, prove, rejudge_run, run, update_snapshots,
};
pub use trial::{DatabaseCheck, Timeouts, Trial, TrialBuilder, World, WorldBuilder, WorldError};
pub use upstream::{Answer, Exchange, UpstreamError};
pub use verdict::{
    Evidence, Experiment, Finding, Funnel, Judgement, NotPassed, Verdict, diagnose, judge,
    judge_all,
};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
