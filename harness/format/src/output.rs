//! The output of a process and its end.

use serde::{Deserialize, Serialize};

/// Output of a process, or the interesting lines of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Output {
    /// The lines, in the order in which they were read.
    pub lines: Vec<OutputLine>,
    /// Lines with bytes that are not UTF-8.
    pub invalid_lines: usize,
    /// Bytes that were too many to keep.
    pub dropped_bytes: u64,
}

/// A line of output or of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OutputLine {
    /// Where it comes from.
    pub stream: Stream,
    /// Milliseconds from the start of the process; for a log, milliseconds since 1970, or 0 if the
    /// line has no time.
    pub at_ms: u64,
    /// The line without its end.
    pub text: String,
    /// Its number in the log, from 1; `None` for output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
}

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A log that was kept elsewhere.
    Log,
}

/// A stream or a log, and the number of a line in it, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// A line of standard output.
    Stdout(u64),
    /// A line of standard error.
    Stderr(u64),
    /// A line of a log that was kept elsewhere.
    Log(u64),
}

/// The end of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProcessExit {
    /// How it ended.
    pub ending: Ending,
    /// Whether it was asked to stop before it ended.
    pub asked: bool,
    /// Whether it was killed because it did not stop in time.
    pub killed: bool,
    /// Milliseconds from its start.
    pub at_ms: u64,
    /// Milliseconds from the request to stop to its end; 0 if it was not asked.
    pub stop_ms: u64,
    /// Processes that kept running after it, as `pid (name)`.
    pub strays: Vec<String>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Nobody saw it: the process belongs to an existing system.
    Unseen,
}

impl OutputLine {
    /// Creates a line of a stream without a number.
    pub fn new(stream: Stream, at_ms: u64, text: impl Into<String>) -> Self {
        Self { stream, at_ms, text: text.into(), number: None }
    }
}

impl ProcessExit {
    /// Creates the end of a process that was not asked to stop and left no process behind.
    pub fn new(ending: Ending) -> Self {
        Self { ending, asked: false, killed: false, at_ms: 0, stop_ms: 0, strays: Vec::new() }
    }
}
