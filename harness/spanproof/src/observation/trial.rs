//! What a trial knows of its work: the service's run, the job, the upstream and the server.

use std::collections::BTreeMap;

use super::{Tables, Witness};
use crate::process::{Exit, Line, Output, Stream};
use crate::upstream::Exchange;

/// What only a trial of our own can know.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialRecord {
    /// How the service was started.
    pub service: Service,
    /// The process that did the work, from its start to its end.
    pub run: ProcessRun,
    /// The job.
    pub work: Work,
    /// What the upstream was asked and what it answered.
    pub exchanges: Vec<Exchange>,
    /// The server's testimony; `None` in a normal run, and if its log can't be read.
    pub witness: Option<Witness>,
    /// The job that was submitted when a fault was over; `None` if there was no fault.
    pub second: Option<Box<Second>>,
    /// Microseconds that each step of the trial took.
    pub timings: BTreeMap<String, u64>,
}

/// How the service was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The command.
    pub command: String,
    /// What identifies the program, in hexadecimal digits; `None` if it can't be read.
    pub program: Option<String>,
    /// Its whole environment.
    pub environment: BTreeMap<String, String>,
    /// The values that differ from run to run, by the placeholder that stands for each.
    pub names: Vec<(String, String)>,
}

/// One process of the service, from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessRun {
    /// All its output.
    pub output: Output,
    /// How much of the output came before it was ready.
    pub startup: StartupCut,
    /// Whether it became ready.
    pub ready: Reached,
    /// How it ended.
    pub exit: Exit,
}

/// The second job of a case under a fault, submitted when the fault was over, and what it left.
#[derive(Debug, Clone, PartialEq)]
pub struct Second {
    /// What the service printed: at its startup, and since the fault was over. Of a service that
    /// was killed and started again, all that the second process printed.
    pub run: ProcessRun,
    /// The job.
    pub work: Work,
    /// The rows of jobs and units that are new or changed, and the rows of spans that are new.
    pub tables: Tables,
}

/// A job: how the service took it, and whether it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Work {
    /// The service's answer; `None` if no job was submitted.
    pub submission: Option<Submission>,
    /// Whether every job ended in time; `None` if none was accepted.
    pub settled: Option<Reached>,
}

/// How many lines of each stream were written before the service was ready.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StartupCut {
    /// Lines of standard output.
    pub stdout: usize,
    /// Lines of standard error.
    pub stderr: usize,
}

/// Whether something awaited happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// It did.
    Yes,
    /// It did not, and this was seen instead.
    No(String),
}

/// The service's answer to a submitted job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Method and path.
    pub request: String,
    /// The answer's HTTP status; 0 if there was no answer.
    pub status: u16,
    /// The answer's body, or the reason why there was none.
    pub body: String,
}

impl Submission {
    /// Whether the service took the job.
    pub fn accepted(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Reached {
    /// Whether it happened.
    pub fn yes(&self) -> bool {
        *self == Self::Yes
    }
}

impl StartupCut {
    /// The cut after everything in `output`.
    pub(crate) fn after(output: &Output) -> Self {
        Self {
            stdout: output.stream(Stream::Stdout).count(),
            stderr: output.stream(Stream::Stderr).count(),
        }
    }

    /// The number of lines of one stream.
    pub(crate) fn of(self, stream: Stream) -> usize {
        match stream {
            Stream::Stdout => self.stdout,
            Stream::Stderr => self.stderr,
        }
    }
}

impl ProcessRun {
    /// The lines that one stream had before the service was ready.
    pub(crate) fn startup_lines(&self, stream: Stream) -> impl Iterator<Item = &Line> {
        self.output.stream(stream).take(self.startup.of(stream))
    }
}
