//! Findings, the reasons why a case fails.

use serde::{Deserialize, Serialize};

use super::code::Code;
use super::evidence::Evidence;

/// One difference between what was expected and what was observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// The code, which says what kind of difference this is.
    pub code: Code,
    /// What was expected and what was found, as one sentence without a period.
    pub message: String,
    /// The evidence as text.
    pub evidence: Vec<String>,
    /// The same evidence as data, in the same order; empty in documents of early versions.
    #[serde(default)]
    pub data: Vec<Evidence>,
}

impl Finding {
    /// Creates a finding without evidence.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), evidence: Vec::new(), data: Vec::new() }
    }
}
