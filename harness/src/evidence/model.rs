//! Evidence as a value.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Deployment, Recovery, Rows, Witness};
use crate::matrix::Case;
use crate::process::{Exit, Line, Output, Stream};
use crate::upstream::Exchange;

/// What one case left behind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// `major.minor` of this format.
    pub format: String,
    /// The case.
    pub case: Case,
    /// The command that started the service.
    pub command: String,
    /// What identifies the program that was run, in hexadecimal digits; nothing where nobody saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// The whole environment it got, secrets masked.
    pub environment: BTreeMap<String, String>,
    /// The values that differ from run to run, by the placeholder that stands for each.
    pub names: Vec<(String, String)>,
    /// All its output, secrets masked.
    pub output: Output,
    /// How much of the output came before it was ready.
    pub startup: StartupCut,
    /// Whether it became ready.
    pub ready: Reached,
    /// What the service answered to the job; nothing when none was submitted.
    pub submission: Option<Submission>,
    /// Whether every job ended in time; nothing when none was accepted.
    pub settled: Option<Reached>,
    /// The rows of jobs.
    pub jobs: Rows,
    /// The rows of units.
    pub units: Rows,
    /// The rows of spans.
    pub spans: Rows,
    /// What the server testified; nothing in a normal run, and where its log can't be read.
    #[serde(default)]
    pub witness: Option<Witness>,
    /// What came after a fault of the world was over; nothing where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    /// What the upstream was asked and what it answered.
    pub exchanges: Vec<Exchange>,
    /// How the process ended.
    pub exit: Exit,
    /// Microseconds that each step of the trial took.
    pub timings: BTreeMap<String, u64>,
    /// What is known of the system, where it was already there and nobody ran a case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Box<Deployment>>,
}

/// How many lines of each stream were written before the service was ready.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartupCut {
    /// Lines of standard output.
    pub stdout: usize,
    /// Lines of standard error.
    pub stderr: usize,
}

/// Whether something awaited happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reached {
    /// It did.
    Yes,
    /// It did not, and this was seen instead.
    No(String),
}

/// What the service answered to a submitted job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// Method and path.
    pub request: String,
    /// The answer's HTTP status; 0 when there was no answer.
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
    pub fn after(output: &Output) -> Self {
        Self {
            stdout: output.stream(Stream::Stdout).count(),
            stderr: output.stream(Stream::Stderr).count(),
        }
    }
}

impl Evidence {
    /// The lines that one stream had before the service was ready.
    pub fn startup_lines(&self, stream: Stream) -> impl Iterator<Item = &Line> {
        let cut = match stream {
            Stream::Stdout => self.startup.stdout,
            Stream::Stderr => self.startup.stderr,
            // Where a log begins, nobody knows.
            Stream::Log => 0,
        };
        self.output.stream(stream).take(cut)
    }

    /// Every line, with its place in its stream, as `stderr:12`.
    pub fn numbered_lines(&self) -> impl Iterator<Item = (String, &Line)> {
        let mut counts = BTreeMap::new();
        self.output.lines.iter().map(move |line| {
            let count = counts.entry(line.stream).or_insert(0_u64);
            *count += 1;
            let number = line.number.unwrap_or(*count);
            (format!("{}:{number}", line.stream), line)
        })
    }
}
