//! Creates the results of the checks of `preflight`, the command that checks whether a deployment can
//! record spans.

use spanproof_format::{Check, CheckResult};

/// A check without its result. Each method completes it with one kind of result.
#[derive(Debug, Clone)]
pub(super) struct PendingCheck {
    name: String,
    /// What the check examines and how. The report prints it in brackets.
    method: String,
}

impl PendingCheck {
    pub(super) fn new(name: impl Into<String>, method: impl Into<String>) -> Self {
        Self { name: name.into(), method: method.into() }
    }

    pub(super) fn passed(&self, found: impl Into<String>) -> Check {
        self.finish(CheckResult::Passed, found, "")
    }

    pub(super) fn failed(&self, found: impl Into<String>, next_step: impl Into<String>) -> Check {
        self.finish(CheckResult::Failed, found, next_step)
    }

    pub(super) fn advice(&self, found: impl Into<String>, next_step: impl Into<String>) -> Check {
        self.finish(CheckResult::Advice, found, next_step)
    }

    pub(super) fn untried(&self, why: impl Into<String>, next_step: impl Into<String>) -> Check {
        self.finish(CheckResult::Untried, why, next_step)
    }

    /// Creates the result. `next_step` is what the user should do next; empty for nothing.
    fn finish(
        &self,
        result: CheckResult,
        found: impl Into<String>,
        next_step: impl Into<String>,
    ) -> Check {
        let mut check = Check::new(&self.name, result, found);
        check.checked.clone_from(&self.method);
        check.next = next_step.into();
        check
    }
}
