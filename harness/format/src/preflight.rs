//! The document that `preflight --format json` prints.

use serde::{Deserialize, Serialize};

use super::version::SCHEMA;

/// The results of a preflight, which checks whether an existing system can record spans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Preflight {
    /// The version of this document.
    pub schema: u32,
    /// The number of checks that passed.
    pub passed: usize,
    /// The number of checks that failed.
    pub failed: usize,
    /// The number of checks that found something to improve, but no lost spans.
    pub advice: usize,
    /// The number of checks that could not be made.
    pub not_tried: usize,
    /// The checks, in order.
    pub checks: Vec<Check>,
}

/// One check of a preflight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Check {
    /// The name of the check.
    pub name: String,
    /// The result of the check.
    pub outcome: CheckResult,
    /// What the check did, as a phrase; may be empty.
    pub checked: String,
    /// What the check found.
    pub found: String,
    /// What the user should do next; empty if there is nothing to do.
    pub next: String,
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CheckResult {
    /// Nothing is wrong.
    Passed,
    /// Spans would be lost.
    Failed,
    /// Spans are recorded, but something could be better.
    Advice,
    /// The check could not be made.
    Untried,
    /// A result of a newer version.
    #[serde(other)]
    Unknown,
}

impl Preflight {
    /// Creates a preflight and counts its checks.
    pub fn new(checks: Vec<Check>) -> Self {
        let count = |result| checks.iter().filter(|check| check.outcome == result).count();
        Self {
            schema: SCHEMA,
            passed: count(CheckResult::Passed),
            failed: count(CheckResult::Failed),
            advice: count(CheckResult::Advice),
            not_tried: count(CheckResult::Untried),
            checks,
        }
    }
}

impl Check {
    /// Creates a check with empty `checked` and `next`.
    pub fn new(name: impl Into<String>, outcome: CheckResult, found: impl Into<String>) -> Self {
        let (checked, next) = (String::new(), String::new());
        Self { name: name.into(), outcome, checked, found: found.into(), next }
    }
}
