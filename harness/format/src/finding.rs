//! A finding.

use serde::{Deserialize, Serialize};

use super::code::Code;
use super::evidence::Evidence;

/// One difference between what was expected and what was observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// Its stable code.
    pub code: Code,
    /// What was expected and what was found, as one sentence without a period.
    pub message: String,
    /// What proves it, as text.
    pub evidence: Vec<String>,
    /// The same as data, in the same order; empty in a document of the first versions.
    #[serde(default)]
    pub data: Vec<Evidence>,
}

impl Finding {
    /// Creates a finding without evidence.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), evidence: Vec::new(), data: Vec::new() }
    }
}
