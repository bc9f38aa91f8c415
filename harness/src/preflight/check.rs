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
    /// What was done.
    pub checked: String,
    /// What was found.
    pub found: String,
    /// What to do; empty where nothing is.
    pub next: String,
}

/// What is tried, before anything has come of it.
#[derive(Debug, Clone)]
pub(super) struct Topic {
    name: String,
    checked: String,
}

impl Topic {
    pub(super) fn new(name: impl Into<String>, checked: impl Into<String>) -> Self {
        Self { name: name.into(), checked: checked.into() }
    }

    pub(super) fn passed(&self, found: impl Into<String>) -> Check {
        self.came(Outcome::Passed, found, "")
    }

    pub(super) fn failed(&self, found: impl Into<String>, next: impl Into<String>) -> Check {
        self.came(Outcome::Failed, found, next)
    }

    pub(super) fn advice(&self, found: impl Into<String>, next: impl Into<String>) -> Check {
        self.came(Outcome::Advice, found, next)
    }

    pub(super) fn untried(&self, why: impl Into<String>, next: impl Into<String>) -> Check {
        self.came(Outcome::Untried, why, next)
    }

    fn came(&self, outcome: Outcome, found: impl Into<String>, next: impl Into<String>) -> Check {
        let (name, checked) = (self.name.clone(), self.checked.clone());
        Check { name, outcome, checked, found: found.into(), next: next.into() }
    }
}
