//! The evidence that only a trial (one run of the service by spanproof) has: the service's process,
//! the job, the fake upstream and the database witness, which counts attempts to insert spans.
//!
//! In a trial with a fault, spanproof disturbs the database or the service on purpose, such as by
//! locking a table. After it has removed the fault, it submits a second job.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{Failure, Repetition, RunningStatement, TableRows, Witness};
use crate::process::{Exit, Line, Output, Stream};
use crate::upstream::Exchange;
use spanproof_format::{JobTimes, RowGain};

/// The evidence that only a trial has.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialRecord {
    /// How the service was started.
    pub service: Service,
    /// The service's process, from start to exit.
    pub run: ProcessRun,
    /// The submitted job.
    pub job_run: JobRun,
    /// The requests to the upstream and its answers.
    pub exchanges: Vec<Exchange>,
    /// Number of requests to the upstream by processes that do not belong to the case, by process, as
    /// `pid (name)`. They are not in `exchanges`.
    pub strangers: BTreeMap<String, u64>,
    /// What the database witness reports; `None` without a witness, or if the server's log can't be
    /// read.
    pub witness: Option<Witness>,
    /// Errors that the Postgres server logged about the case's database. In a trial with a fault, only
    /// errors from before the fault was applied.
    pub server_errors: Vec<Failure>,
    /// Whether the server's log was read, so that `server_errors` is complete. If not, a missing error
    /// proves nothing.
    pub server_log_read: bool,
    /// Other tables that got rows which the span table lacks, each with the number of these rows.
    pub other_tables: Vec<(String, u64)>,
    /// The output of each helper, a process that the service needs and that is not under test. Each line has
    /// the name of the helper.
    pub helpers: Vec<Output>,
    /// The job that was submitted after the fault was removed, or after the first job of a case that
    /// repeats its job; `None` in other cases.
    pub second_job: Option<Box<SecondJob>>,
    /// The jobs after the second one, in a case that repeats its job.
    pub further_jobs: Vec<SecondJob>,
    /// The number of requests in `exchanges` at the end of each job but the last, if the case repeats its
    /// job. Empty for other cases.
    pub(crate) request_counts: Vec<usize>,
    /// Whether this is the second or a later job of a case. The witness can't tell the jobs of a case apart, so
    /// such a job has none.
    pub(crate) is_later_job: bool,
    /// When the job was submitted and the service stopped; `None` if the job starts with the service, if
    /// the case has a fault, and in evidence of spanproof 0.1.0.
    pub period: Option<Period>,
    /// The keys of the units whose statuses or results differed when the case ran again; `None` if the case
    /// ran only once. A unit's key is the text of its key columns.
    pub variations: Option<BTreeSet<String>>,
    /// Further trials of the case, which ran because the reason of its failure is not certain.
    pub(crate) repetitions: Vec<Repetition>,
    /// The times of the job with tracing on and off; `None` if tracing did not seem to slow down the job.
    pub(crate) job_times: Option<JobTimes>,
    /// Number of spans that were stored when the service was asked to stop; `None` if the case need not
    /// record spans or has a fault, and in evidence of spanproof 0.1.0.
    pub spans_before_stop: Option<u64>,
    /// The largest number of spans that were stored at one moment; `None` if `spans_before_stop` is, or in
    /// evidence of spanproof 0.1.0.
    pub(crate) most_spans: Option<u64>,
    /// The statements that the database server was executing for the service when the service was asked
    /// to stop. Empty if the case need not record spans, or has a fault other than `job-repeated`.
    pub(crate) running_statements: Vec<RunningStatement>,
    /// Whether missing spans were still arriving at the end of the wait for them.
    pub(crate) spans_arriving: bool,
    /// The numbers of rows before and after the case, for each table or query that the spec declares as an
    /// effect of a flag (`rows`).
    pub(crate) row_gains: Vec<RowGain>,
    /// Duration of each step of the trial in microseconds.
    pub timings: BTreeMap<String, u64>,
}

impl TrialRecord {
    /// The requests to the upstream during a job. `number` counts from 0, which is the first job. Contains
    /// all requests if the requests of the jobs are not known.
    pub(crate) fn requests_of_job(&self, number: usize) -> &[Exchange] {
        let end = self.exchanges.len();
        let count_at = |job: usize| self.request_counts.get(job).copied().unwrap_or(end).min(end);
        if self.request_counts.is_empty() {
            return &self.exchanges;
        }
        let start = number.checked_sub(1).map_or(0, count_at);
        &self.exchanges[start..count_at(number).max(start)]
    }
}

/// The time in which the work of a job was done, by the clock of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// When the job was submitted.
    pub submitted: DateTime<Utc>,
    /// When the service had stopped.
    pub stopped: DateTime<Utc>,
}

/// How the service was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The command line.
    pub command: String,
    /// A hash of the program in hexadecimal digits; `None` if its file can't be read.
    pub program: Option<String>,
    /// The whole environment of the service.
    pub environment: BTreeMap<String, String>,
    /// Values that differ from run to run, such as ports: the name of the placeholder that replaces
    /// the value, then the value.
    pub placeholders: Vec<(String, String)>,
}

/// One process of the service, from start to exit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessRun {
    /// All output of the process.
    pub output: Output,
    /// Number of lines that the service printed before it was ready.
    pub startup: LineCounts,
    /// Whether the service became ready in time.
    pub ready: WaitResult,
    /// How the process exited.
    pub exit: Exit,
}

/// A later job of a case, with its evidence: the job that is submitted after the fault was removed, or
/// one of the jobs of a case that repeats its job.
#[derive(Debug, Clone, PartialEq)]
pub struct SecondJob {
    /// The process, with its output at startup and its output since the fault was removed or the job
    /// was submitted. If the service was killed and restarted, this is the second process with all its
    /// output.
    pub run: ProcessRun,
    /// The submitted job.
    pub job_run: JobRun,
    /// New or changed rows of jobs and units of work, and new rows of spans.
    pub tables: TableRows,
    /// Errors that the Postgres server logged about the case's database since the job was submitted; `None`
    /// if the server's log was not read.
    pub server_errors: Option<Vec<Failure>>,
}

/// A submitted job: the service's answer, and whether the job ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobRun {
    /// The service's answer; `None` if no job was submitted.
    pub submission: Option<Submission>,
    /// Whether every new job in the database ended in time; `None` if the service accepted no job.
    pub settled: Option<WaitResult>,
}

impl JobRun {
    /// Whether the job ended in time.
    pub(crate) fn has_ended(&self) -> bool {
        self.settled.as_ref().is_some_and(WaitResult::is_reached)
    }
}

/// Numbers of lines of both output streams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineCounts {
    /// Lines of standard output.
    pub stdout: usize,
    /// Lines of standard error.
    pub stderr: usize,
}

/// The result of waiting for a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitResult {
    /// The condition became true.
    Reached,
    /// The condition did not become true in time. Contains a description of the last state.
    NotReached(String),
}

/// The service's answer to a submitted job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Method and path of the request.
    pub request: String,
    /// HTTP status of the answer; 0 without an answer.
    pub status: u16,
    /// Body of the answer, or the reason why there was no answer.
    pub body: String,
}

impl Submission {
    /// Whether the service accepted the job: the status is 2xx.
    pub fn is_accepted(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl WaitResult {
    /// Whether the condition became true.
    pub fn is_reached(&self) -> bool {
        *self == Self::Reached
    }
}

impl LineCounts {
    /// Counts the lines of an output.
    pub(crate) fn count(output: &Output) -> Self {
        Self {
            stdout: output.stream(Stream::Stdout).count(),
            stderr: output.stream(Stream::Stderr).count(),
        }
    }

    /// Returns the number of lines of one stream.
    pub(crate) fn stream(self, stream: Stream) -> usize {
        match stream {
            Stream::Stdout => self.stdout,
            Stream::Stderr => self.stderr,
        }
    }
}

impl ProcessRun {
    /// Returns the lines that the service printed to a stream before it was ready.
    pub(crate) fn startup_lines(&self, stream: Stream) -> impl Iterator<Item = &Line> {
        self.output.stream(stream).take(self.startup.stream(stream))
    }
}
