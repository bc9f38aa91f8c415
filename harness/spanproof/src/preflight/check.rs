//! One check: what was tried, its result, and what to do.

use spanproof_format::{Check, CheckResult};

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
        self.check(CheckResult::Passed, found, "")
    }

    pub(super) fn failed(&self, found: impl Into<String>, next: impl Into<String>) -> Check {
        self.check(CheckResult::Failed, found, next)
    }

    pub(super) fn advice(&self, found: impl Into<String>, next: impl Into<String>) -> Check {
        self.check(CheckResult::Advice, found, next)
    }

    pub(super) fn untried(&self, why: impl Into<String>, next: impl Into<String>) -> Check {
        self.check(CheckResult::Untried, why, next)
    }

    fn check(
        &self,
        outcome: CheckResult,
        found: impl Into<String>,
        next: impl Into<String>,
    ) -> Check {
        let mut check = Check::new(&self.name, outcome, found);
        check.checked.clone_from(&self.checked);
        check.next = next.into();
        check
    }
}
