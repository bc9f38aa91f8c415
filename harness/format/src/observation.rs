//! The evidence of one case, as `check` stores it in a folder. A case is one
//! combination of flags, route, upstream, job and fault with which the service is tried. A route is
//! a way to submit a job to the service. A unit is one part of a job's work, which must leave spans if
//! tracing is on. A fault is a failure that spanproof causes on purpose.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::job_times::JobTimes;
use super::log_facts::LogFacts;
use super::output::{Output, ProcessExit};
use super::repetition::Repetition;
use super::row_gain::RowGain;
use super::rows::Rows;
use super::upstream::Exchange;
use super::version::EVIDENCE_FORMAT;
use super::witness::{Failure, RunningStatement, Witness};

/// The evidence of one case, or of an existing system: `evidence.json`.
///
/// The evidence of a case comes from a trial: spanproof starts the service, submits the job, reads
/// the rows and stops the service. For an existing system, fields about the process have fixed
/// values: the service is ready, and its exit is [unseen](super::Ending::Unseen).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Observation {
    /// The version of the format, `major.minor`.
    pub format: String,
    /// The case. For an existing system, it contains only what is known.
    pub case: Case,
    /// The command that started the service.
    pub command: String,
    /// A hash of the service's program and of its arguments that are files, in hexadecimal digits;
    /// `None` if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// The environment of the service, with secrets masked.
    pub environment: BTreeMap<String, String>,
    /// Values that differ between runs, such as ports: pairs of a placeholder's name and its value.
    #[serde(rename = "names")]
    pub placeholders: Vec<(String, String)>,
    /// The output of the service, or the relevant lines of a log.
    pub output: Output,
    /// The number of lines that the service printed before it was ready.
    pub startup: LineCounts,
    /// Whether the service became ready.
    pub ready: WaitResult,
    /// The request that submitted the job, and its answer; `None` if no job was submitted.
    pub submission: Option<Submission>,
    /// Whether every job ended in time; `None` if no job was accepted.
    pub settled: Option<WaitResult>,
    /// The rows of the table of jobs.
    pub jobs: Rows,
    /// The rows of the table of units.
    pub units: Rows,
    /// The rows of the table of spans.
    pub spans: Rows,
    /// The report of the database witness, which counts the inserts of spans on the server; `None`
    /// without a witness.
    #[serde(default)]
    pub witness: Option<Witness>,
    /// Errors that the Postgres server logged about the database.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub server_errors: Vec<Failure>,
    /// Whether the server's log was read for the whole case. Without it, an empty `server_errors`
    /// proves nothing.
    #[serde(default)]
    pub server_log_read: bool,
    /// Other tables into which the service may have written spans: pairs of a table, and the number of
    /// its new rows that are not in the span table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_tables: Vec<(String, u64)>,
    /// When the job was submitted and when the service had stopped, by the clock of the machine that
    /// ran the case; `None` if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<[DateTime<Utc>; 2]>,
    /// The keys of the units whose status or result differed when the same case ran again; `None` if
    /// the case ran only once. A case runs again if its job ended differently with tracing on than with
    /// tracing off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variations: Option<BTreeSet<String>>,
    /// Further trials of the case, which were run because its failure has no certain reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repetitions: Vec<Repetition>,
    /// The times of the job with tracing on and off, from further trials; `None` if tracing did not
    /// seem to slow down the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_times: Option<JobTimes>,
    /// The number of spans that were stored when the service was asked to stop; `None` if the case need
    /// not record spans, or has a fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spans_before_stop: Option<u64>,
    /// The largest number of spans that were stored at one moment; `None` if `spans_before_stop` is, or in
    /// older evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_spans: Option<u64>,
    /// The statements of the service that the Postgres server was executing when the service was asked to
    /// stop. Only read if the case must record spans and no fault disturbs it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub running_statements: Vec<RunningStatement>,
    /// Whether missing spans were still arriving at the end of the wait for them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spans_arriving: bool,
    /// The numbers of rows before and after the case, for each table or query that the spec declares as an
    /// effect of a flag.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub row_gains: Vec<RowGain>,
    /// The output of each helper, a process that the service needs and that is not under test. Each
    /// line has the name of the helper.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub helpers: Vec<Output>,
    /// The evidence of the second job: the first job after a fault was removed, or the first
    /// repetition of the job. `None` if the case has one job.
    #[serde(default, rename = "recovery", skip_serializing_if = "Option::is_none")]
    pub second_job: Option<SecondJob>,
    /// The evidence of each job after the second job, if the case repeats its job.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_jobs: Vec<SecondJob>,
    /// The number of requests in `exchanges` at the end of each job but the last, if the case repeats its
    /// job.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub request_counts: Vec<usize>,
    /// Requests to the upstream (the fake HTTP server that the service calls), with their answers.
    pub exchanges: Vec<Exchange>,
    /// The number of requests to the upstream by processes that do not belong to the case, by process,
    /// as `pid (name)`. They got HTTP 403 and are not in `exchanges`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub strangers: BTreeMap<String, u64>,
    /// How the service ended.
    pub exit: ProcessExit,
    /// The duration of each step of the trial, in microseconds, by the name of the step.
    pub timings: BTreeMap<String, u64>,
    /// More about the existing system; `None` for a trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Box<Deployment>>,
}

/// The evidence of the second or a later job of a case: the job that was submitted after a fault was
/// removed, or one of the repetitions of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SecondJob {
    /// The lines that the service printed before it was ready, and those since the fault was removed
    /// or the job was submitted.
    pub output: Output,
    /// The number of lines that the service printed before it was ready. If the fault killed the
    /// service, the lines of its second start are counted.
    pub startup: LineCounts,
    /// Whether the service became ready.
    pub ready: WaitResult,
    /// The request that submitted the job, and its answer; `None` if no job was submitted.
    pub submission: Option<Submission>,
    /// Whether every job ended in time; `None` if no job was accepted.
    pub settled: Option<WaitResult>,
    /// The rows of this job.
    pub jobs: Rows,
    /// The rows of this job's units.
    pub units: Rows,
    /// The rows of this job's spans.
    pub spans: Rows,
    /// Errors that the Postgres server logged since the job was submitted; `None` if its log was not
    /// read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_errors: Option<Vec<Failure>>,
    /// How the service ended.
    pub exit: ProcessExit,
}

/// The number of lines that the service printed to each stream before it was ready.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LineCounts {
    /// Lines of standard output.
    pub stdout: usize,
    /// Lines of standard error.
    pub stderr: usize,
}

/// The result of waiting for a condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitResult {
    /// The condition was met.
    #[serde(rename = "yes")]
    Reached,
    /// The condition was not met in time. Contains the last observed state.
    #[serde(rename = "no")]
    NotReached(String),
}

/// The submission of a job: the request, and the service's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Submission {
    /// The request's method and path.
    pub request: String,
    /// The answer's HTTP status; 0 if there was no answer.
    pub status: u16,
    /// The answer's body, or the reason why there was none.
    pub body: String,
}

/// What is known about an existing system besides its rows and log lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Deployment {
    /// The database's URL or the dump's name; `None` if neither was given.
    pub database: Option<String>,
    /// A summary of the log; `None` if no log was given.
    pub log: Option<LogFacts>,
    /// Tables in other schemas that have the name of the span table: pairs of a table, and the number
    /// of its rows that are spans of the observed units.
    #[serde(rename = "elsewhere")]
    pub other_tables: Vec<(String, u64)>,
    /// The spans in each of these tables, with only the columns of the unit's id; empty in documents of
    /// spanproof 0.1.0.
    #[serde(default, rename = "elsewhere_spans", skip_serializing_if = "BTreeMap::is_empty")]
    pub other_table_spans: BTreeMap<String, Vec<serde_json::Map<String, serde_json::Value>>>,
    /// Spans that started while the observed units ran, but belong to none of them.
    #[serde(default, rename = "neighbours")]
    pub concurrent_spans: Vec<ConcurrentSpan>,
    /// What could not be read, each with its reason.
    pub unread: Vec<String>,
    /// The query plan that the server reported for each query that spanproof ran.
    pub plans: Vec<String>,
}

/// A span that started while the observed units ran, but belongs to none of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConcurrentSpan {
    /// The span's start time.
    pub started: DateTime<Utc>,
    /// The span's name.
    #[serde(rename = "operation")]
    pub name: String,
}

impl Observation {
    /// Creates the evidence of a case, without output, rows and job.
    pub fn new(case: Case, ready: WaitResult, exit: ProcessExit) -> Self {
        Self {
            format: EVIDENCE_FORMAT.into(),
            case,
            command: String::new(),
            program: None,
            environment: BTreeMap::new(),
            placeholders: Vec::new(),
            output: Output::default(),
            startup: LineCounts::default(),
            ready,
            submission: None,
            settled: None,
            jobs: Rows::default(),
            units: Rows::default(),
            spans: Rows::default(),
            witness: None,
            server_errors: Vec::new(),
            server_log_read: false,
            other_tables: Vec::new(),
            period: None,
            variations: None,
            repetitions: Vec::new(),
            job_times: None,
            spans_before_stop: None,
            most_spans: None,
            running_statements: Vec::new(),
            spans_arriving: false,
            row_gains: Vec::new(),
            helpers: Vec::new(),
            second_job: None,
            further_jobs: Vec::new(),
            request_counts: Vec::new(),
            exchanges: Vec::new(),
            strangers: BTreeMap::new(),
            exit,
            timings: BTreeMap::new(),
            deployment: None,
        }
    }

    /// Removes rows, lines and exchanges. An incident, a file of JSON lines with the evidence of one
    /// case, stores them as separate records.
    #[must_use]
    pub fn without_lists(mut self) -> Self {
        for rows in [&mut self.jobs, &mut self.units, &mut self.spans] {
            if let Rows::Found(_) = rows {
                *rows = Rows::default();
            }
        }
        self.output.lines.clear();
        self.exchanges.clear();
        self
    }
}

impl SecondJob {
    /// Creates the evidence of a job, without output and rows.
    pub fn new(ready: WaitResult, exit: ProcessExit) -> Self {
        Self {
            output: Output::default(),
            startup: LineCounts::default(),
            ready,
            submission: None,
            settled: None,
            jobs: Rows::default(),
            units: Rows::default(),
            spans: Rows::default(),
            server_errors: None,
            exit,
        }
    }
}

impl LineCounts {
    /// Creates the counts of both streams.
    pub fn new(stdout: usize, stderr: usize) -> Self {
        Self { stdout, stderr }
    }
}

impl Submission {
    /// Creates a submission from the request, and the status and the body of its answer.
    pub fn new(request: impl Into<String>, status: u16, body: impl Into<String>) -> Self {
        Self { request: request.into(), status, body: body.into() }
    }
}

impl ConcurrentSpan {
    /// Creates a span from its start time and its name.
    pub fn new(started: DateTime<Utc>, name: impl Into<String>) -> Self {
        Self { started, name: name.into() }
    }
}
