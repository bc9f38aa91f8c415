//! Further trials of a case that failed. A trial is one run of the service.

use serde::{Deserialize, Serialize};

use super::code::Code;

/// A further trial of a case that failed, and why spans are missing in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Repetition {
    /// Whether the trial had the database witness, which counts the inserts of spans on the server.
    pub witness: bool,
    /// The codes of the reasons why spans are missing; empty if none is missing.
    pub codes: Vec<Code>,
    /// Why the trial did not start; `None` if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The wait for spans, if it was longer than in the first trial; `None` if it was as long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longer_wait: Option<LongerWait>,
}

/// A wait for spans, after the end of their job, that was longer than `flush-ms` of the spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LongerWait {
    /// The longest possible wait, in milliseconds.
    pub limit_ms: u64,
    /// How long the trial waited, in milliseconds. It ended the wait when no span was missing.
    pub waited_ms: u64,
    /// Number of spans that were stored at the end of the trial.
    pub spans: usize,
}

impl LongerWait {
    /// Creates a wait.
    pub fn new(limit_ms: u64, waited_ms: u64, spans: usize) -> Self {
        Self { limit_ms, waited_ms, spans }
    }
}

impl Repetition {
    /// Creates a further trial.
    pub fn new(witness: bool, codes: Vec<Code>, error: Option<String>) -> Self {
        Self { witness, codes, error, longer_wait: None }
    }
}
