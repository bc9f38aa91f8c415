//! The evidence of one case, as a folder has it, and the plan of a run.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::output::{Output, ProcessExit};
use super::rows::Rows;
use super::upstream::Exchange;
use super::version::EVIDENCE_FORMAT;

/// The evidence of one case, or of an existing system: `evidence.json`.
///
/// What can't be known of an existing system has a fixed value: the service is ready, and its exit is
/// [unseen](super::Ending::Unseen).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Observation {
    /// The version, `major.minor`.
    pub format: String,
    /// The case; of an existing system, what is known of one.
    pub case: Case,
    /// The command that started the service.
    pub command: String,
    /// What identifies the program; `None` if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// The environment of the service, secrets masked.
    pub environment: BTreeMap<String, String>,
    /// Values that differ from run to run, each with the placeholder that stands for it.
    pub names: Vec<(String, String)>,
    /// The output, or the lines of a log.
    pub output: Output,
    /// How much of the output was printed before the service was ready.
    pub startup: StartupCut,
    /// Whether the service became ready.
    pub ready: Reached,
    /// The service's answer to the job; `None` if no job was submitted.
    pub submission: Option<Submission>,
    /// Whether every job ended in time; `None` if none was accepted.
    pub settled: Option<Reached>,
    /// Rows of jobs.
    pub jobs: Rows,
    /// Rows of units.
    pub units: Rows,
    /// Rows of spans.
    pub spans: Rows,
    /// The server's testimony; `None` without a witness.
    #[serde(default)]
    pub witness: Option<Witness>,
    /// The job that was submitted after a fault; `None` if there was no fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    /// What the upstream was asked and what it answered.
    pub exchanges: Vec<Exchange>,
    /// How the service ended.
    pub exit: ProcessExit,
    /// Microseconds of each step of the trial.
    pub timings: BTreeMap<String, u64>,
    /// What is known of an existing system; `None` for a trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Box<Deployment>>,
}

/// The job that was submitted after a fault, and what it left behind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Recovery {
    /// The output.
    pub output: Output,
    /// How much of it was printed before the service was ready.
    pub startup: StartupCut,
    /// Whether the service became ready.
    pub ready: Reached,
    /// The service's answer to the job; `None` if no job was submitted.
    pub submission: Option<Submission>,
    /// Whether every job ended in time; `None` if none was accepted.
    pub settled: Option<Reached>,
    /// Rows of jobs.
    pub jobs: Rows,
    /// Rows of units.
    pub units: Rows,
    /// Rows of spans.
    pub spans: Rows,
    /// How the service ended.
    pub exit: ProcessExit,
}

/// How many lines of each stream were printed before the service was ready.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StartupCut {
    /// Lines of standard output.
    pub stdout: usize,
    /// Lines of standard error.
    pub stderr: usize,
}

/// Whether something that was awaited happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reached {
    /// It did.
    Yes,
    /// It did not, and this was seen instead.
    No(String),
}

/// The service's answer to a submitted job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Submission {
    /// Method and path.
    pub request: String,
    /// The answer's HTTP status; 0 if there was no answer.
    pub status: u16,
    /// The answer's body, or the reason why there was none.
    pub body: String,
}

/// What the server testifies about the span table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Witness {
    /// Inserting statements that began.
    pub begun: usize,
    /// Rows that were to be inserted.
    pub tried: usize,
    /// Rows whose statement succeeded.
    pub written: usize,
    /// What failed in this database, in order.
    pub failures: Vec<Failure>,
    /// Tables of the same name in other schemas that have rows, with their number.
    pub elsewhere: Vec<(String, u64)>,
}

/// An error in the server's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Failure {
    /// Its SQLSTATE.
    pub state: String,
    /// The server's message, secrets masked.
    pub message: String,
    /// The statement that failed, secrets masked; `None` if it failed outside of any.
    pub statement: Option<String>,
}

/// What was read of an existing system besides its rows and the lines of its log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Deployment {
    /// The database's URL or the dump's name; `None` if none was given.
    pub database: Option<String>,
    /// The log as a whole; `None` if none was given.
    pub log: Option<LogFacts>,
    /// Tables of the span table's name in other schemas that have spans of these units.
    pub elsewhere: Vec<(String, u64)>,
    /// Spans of other work that began at the same time.
    #[serde(default)]
    pub neighbours: Vec<Neighbour>,
    /// What could not be read, each with its reason.
    pub unread: Vec<String>,
    /// How the server carried out each query.
    pub plans: Vec<String>,
}

/// A span of other work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Neighbour {
    /// Its start.
    pub started: DateTime<Utc>,
    /// Its operation.
    pub operation: String,
}

/// A log as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LogFacts {
    /// Its name; `-` is standard input.
    pub name: String,
    /// How many lines it has.
    pub lines: u64,
    /// The first time in it.
    pub first: Option<DateTime<Utc>>,
    /// The last time in it.
    pub last: Option<DateTime<Utc>>,
    /// The number of the last line that says that the service starts.
    pub started: Option<u64>,
    /// Lines about a process that died, as `log:12  text`.
    pub crashes: Vec<String>,
    /// The number of tracer lines that contradict the last one.
    pub contradicted: usize,
}

/// What a run was meant to do, beside the folders of its cases: `run.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunPlan {
    /// The version, `major.minor`.
    pub format: String,
    /// Every case that was to be run.
    pub planned: Vec<Case>,
    /// The cases whose world did not come up, by id, each with the cause.
    pub broken: BTreeMap<String, String>,
    /// Why the run stopped early; `None` if it did not.
    pub halted: Option<String>,
}

impl Observation {
    /// Creates the evidence of a case without output, rows and job.
    pub fn new(case: Case, ready: Reached, exit: ProcessExit) -> Self {
        Self {
            format: EVIDENCE_FORMAT.into(),
            case,
            command: String::new(),
            program: None,
            environment: BTreeMap::new(),
            names: Vec::new(),
            output: Output::default(),
            startup: StartupCut::default(),
            ready,
            submission: None,
            settled: None,
            jobs: Rows::default(),
            units: Rows::default(),
            spans: Rows::default(),
            witness: None,
            recovery: None,
            exchanges: Vec::new(),
            exit,
            timings: BTreeMap::new(),
            deployment: None,
        }
    }

    /// Returns everything but what an incident keeps as records of their own: rows, lines and
    /// exchanges.
    #[must_use]
    pub fn without_lists(mut self) -> Self {
        for rows in [&mut self.jobs, &mut self.units, &mut self.spans] {
            if let Rows::Found(rows) = rows {
                rows.clear();
            }
        }
        self.output.lines.clear();
        self.exchanges.clear();
        self
    }
}

impl Recovery {
    /// Creates the evidence of a job without output and rows.
    pub fn new(ready: Reached, exit: ProcessExit) -> Self {
        Self {
            output: Output::default(),
            startup: StartupCut::default(),
            ready,
            submission: None,
            settled: None,
            jobs: Rows::default(),
            units: Rows::default(),
            spans: Rows::default(),
            exit,
        }
    }
}

impl StartupCut {
    /// Creates a cut after so many lines of each stream.
    pub fn new(stdout: usize, stderr: usize) -> Self {
        Self { stdout, stderr }
    }
}

impl Submission {
    /// Creates an answer.
    pub fn new(request: impl Into<String>, status: u16, body: impl Into<String>) -> Self {
        Self { request: request.into(), status, body: body.into() }
    }
}

impl Failure {
    /// Creates an error of no statement.
    pub fn new(state: impl Into<String>, message: impl Into<String>) -> Self {
        Self { state: state.into(), message: message.into(), statement: None }
    }
}

impl Neighbour {
    /// Creates a span of other work.
    pub fn new(started: DateTime<Utc>, operation: impl Into<String>) -> Self {
        Self { started, operation: operation.into() }
    }
}

impl RunPlan {
    /// Creates the plan of a run that has not begun.
    pub fn new(planned: Vec<Case>) -> Self {
        Self { format: EVIDENCE_FORMAT.into(), planned, broken: BTreeMap::new(), halted: None }
    }
}
