//! The output and the exit of a process.

use serde::{Deserialize, Serialize};

/// The output of a process, or the relevant lines of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Output {
    /// The lines, in the order they were read.
    pub lines: Vec<OutputLine>,
    /// The number of lines that are not valid UTF-8.
    pub invalid_lines: usize,
    /// The number of bytes dropped because the output was too long.
    pub dropped_bytes: u64,
}

/// A line of output or of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OutputLine {
    /// The line's source.
    pub stream: Stream,
    /// Milliseconds since the start of the process. In a log, milliseconds since 1970, or 0 if the
    /// line has no timestamp.
    pub at_ms: u64,
    /// The line without its newline.
    pub text: String,
    /// The line number in the log, from 1; `None` for a line of output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// The name of the process in the spec, or the process, machine or container that a log names, such as
    /// `web-1 runner[812]`; `None` for the main process of the service, and if a log names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
}

/// The source of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// The log of an existing system.
    Log,
}

/// The location of a line: a stream or a log, and a line number from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Location {
    /// A line of standard output.
    Stdout(u64),
    /// A line of standard error.
    Stderr(u64),
    /// A line of the log of an existing system.
    Log(u64),
}

/// The exit of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProcessExit {
    /// How the process ended.
    pub ending: Ending,
    /// Whether the process exited after a request to stop (SIGTERM).
    #[serde(rename = "asked")]
    pub stop_requested: bool,
    /// Whether the process was killed because it did not stop in time.
    pub killed: bool,
    /// Milliseconds from the start of the process to its exit.
    pub at_ms: u64,
    /// Milliseconds from the request to stop to the exit; 0 without a request.
    pub stop_ms: u64,
    /// Processes that the process started and that kept running after its exit, as `pid (name)`.
    pub strays: Vec<String>,
    /// The name of the process in the spec; `None` for the main process of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The process returned this exit code.
    Code(i32),
    /// The signal with this number killed the process.
    Signal(i32),
    /// It is unknown how the process ended, because it belongs to an existing system.
    Unseen,
}

impl OutputLine {
    /// Creates a line without a line number.
    pub fn new(stream: Stream, at_ms: u64, text: impl Into<String>) -> Self {
        Self { stream, at_ms, text: text.into(), number: None, process: None }
    }
}

impl ProcessExit {
    /// Creates the exit of a process that ended without a request and left no process running.
    pub fn new(ending: Ending) -> Self {
        Self {
            ending,
            stop_requested: false,
            killed: false,
            at_ms: 0,
            stop_ms: 0,
            strays: Vec::new(),
            process: None,
        }
    }
}
