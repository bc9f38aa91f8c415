//! One check: what was tried, its result, and what to do.

use serde::Serialize;

/// The result of a check.
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
    /// Its result.
    pub outcome: Outcome,
    /// What was done.
    pub checked: String,
    /// What was found.
    pub found: String,
    /// What to do; empty where nothing is.
    pub next: String,
}

/// What a check tries, before its result is known.
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
        self.check(Outcome::Passed, found, "")
    }

    pub(super) fn failed(&self, found: impl Into<String>, next: impl Into<String>) -> Check {
        self.check(Outcome::Failed, found, next)
    }

    pub(super) fn advice(&self, found: impl Into<String>, next: impl Into<String>) -> Check {
        self.check(Outcome::Advice, found, next)
    }

    pub(super) fn untried(&self, why: impl Into<String>, next: impl Into<String>) -> Check {
        self.check(Outcome::Untried, why, next)
    }

    fn check(&self, outcome: Outcome, found: impl Into<String>, next: impl Into<String>) -> Check {
        let (name, checked) = (self.name.clone(), self.checked.clone());
        Check { name, outcome, checked, found: found.into(), next: next.into() }
    }
}
