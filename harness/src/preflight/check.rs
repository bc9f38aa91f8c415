//! One thing that was tried, or could not be.

use serde::Serialize;

/// What came of trying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is as it must be.
    Passed,
    /// Spans would be lost.
    Failed,
    /// Spans are recorded, and something would be better otherwise.
    Advice,
    /// It could not be tried.
    Untried,
}

/// A check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// What came of it.
    pub outcome: Outcome,
    /// What was found.
    pub found: String,
    /// What to do; empty where nothing is.
    pub next: String,
}

impl Check {
    pub(super) fn passed(name: &str, found: impl Into<String>) -> Self {
        Self::new(name, Outcome::Passed, found, "")
    }

    pub(super) fn failed(name: &str, found: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(name, Outcome::Failed, found, next)
    }

    pub(super) fn advice(name: &str, found: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(name, Outcome::Advice, found, next)
    }

    pub(super) fn untried(name: &str, why: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(name, Outcome::Untried, why, next)
    }

    fn new(
        name: &str,
        outcome: Outcome,
        found: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self { name: name.to_owned(), outcome, found: found.into(), next: next.into() }
    }
}
