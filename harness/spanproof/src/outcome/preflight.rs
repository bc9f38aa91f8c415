//! The checks of a preflight.

use crate::preflight::{Check, Outcome};

/// What a preflight found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreflightOutcome {
    /// The checks, in their order.
    pub checks: Vec<Check>,
    /// Checks that passed.
    pub passed: usize,
    /// Checks that failed.
    pub failed: usize,
    /// Checks that passed and have advice.
    pub advice: usize,
    /// Checks that could not be tried.
    pub untried: usize,
}

impl PreflightOutcome {
    /// Creates the outcome of all checks.
    pub fn new(checks: &[Check]) -> Self {
        let count = |of: Outcome| checks.iter().filter(|check| check.outcome == of).count();
        Self {
            checks: checks.to_vec(),
            passed: count(Outcome::Passed),
            failed: count(Outcome::Failed),
            advice: count(Outcome::Advice),
            untried: count(Outcome::Untried),
        }
    }
}
