//! The counts of a run.

use crate::suite::{RunResult, Snapshot, State};
use crate::verdict::Verdict;

/// The counts of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Cases that passed.
    pub passed: usize,
    /// Cases that failed.
    pub failed: usize,
    /// Cases that failed as the spec expects for now.
    pub known: usize,
    /// Cases whose world did not come up.
    pub broken: usize,
    /// Cases that were not run.
    pub not_run: usize,
    /// Units that were executed.
    pub units: usize,
    /// Spans that were found.
    pub spans: usize,
    /// Comparisons that were made.
    pub assertions: usize,
    /// Snapshots that were compared.
    pub snapshots: usize,
    /// Snapshots that differ, are missing or are unstable.
    pub snapshots_changed: usize,
}

impl Summary {
    pub(super) fn new(ran: &RunResult, snapshots: &[Snapshot]) -> Self {
        let mut summary = Self {
            not_run: ran.not_run,
            snapshots: snapshots.len(),
            snapshots_changed: snapshots.iter().filter(|s| s.state != State::Same).count(),
            ..Self::default()
        };
        for outcome in &ran.outcomes {
            match &outcome.judgement.verdict {
                Verdict::Pass => summary.passed += 1,
                Verdict::Fail(_) => summary.failed += 1,
                Verdict::Broken(_) => summary.broken += 1,
                Verdict::Known(_) => summary.known += 1,
                Verdict::Skipped(_) => summary.not_run += 1,
            }
            summary.units += outcome.judgement.funnel.executed;
            summary.spans += outcome.judgement.spans;
            summary.assertions += outcome.judgement.assertions;
        }
        summary
    }
}
