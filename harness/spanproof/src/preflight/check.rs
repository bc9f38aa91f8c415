//! Builds the results of preflight's checks.

use spanproof_format::{Check, CheckResult};

/// A check that has no result yet.
#[derive(Debug, Clone)]
pub(super) struct PendingCheck {
    name: String,
    /// How the check is made, as the report prints it in brackets.
    checked: String,
}

impl PendingCheck {
    pub(super) fn new(name: impl Into<String>, checked: impl Into<String>) -> Self {
        Self { name: name.into(), checked: checked.into() }
    }

    pub(super) fn passed(&self, found: impl Into<String>) -> Check {
        self.finish(CheckResult::Passed, found, "")
    }

    pub(super) fn failed(&self, found: impl Into<String>, next: impl Into<String>) -> Check {
        self.finish(CheckResult::Failed, found, next)
    }

    pub(super) fn advice(&self, found: impl Into<String>, next: impl Into<String>) -> Check {
        self.finish(CheckResult::Advice, found, next)
    }

    pub(super) fn untried(&self, why: impl Into<String>, next: impl Into<String>) -> Check {
        self.finish(CheckResult::Untried, why, next)
    }

    fn finish(
        &self,
        result: CheckResult,
        found: impl Into<String>,
        next: impl Into<String>,
    ) -> Check {
        let mut check = Check::new(&self.name, result, found);
        check.checked.clone_from(&self.checked);
        check.next = next.into();
        check
    }
}
