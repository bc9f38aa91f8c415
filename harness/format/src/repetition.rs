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
}

impl Repetition {
    /// Creates a further trial.
    pub fn new(witness: bool, codes: Vec<Code>, error: Option<String>) -> Self {
        Self { witness, codes, error }
    }
}
