//! A run of many cases.

use super::{CaseOutcome, FailureGroup, IncidentOutcome, Summary};
use crate::incident::Adopted;
use crate::spec::Spec;
use crate::suite::{RunResult, Snapshot};

/// What a run of cases found.
#[derive(Debug, Clone)]
pub struct RunOutcome {
    /// The cases that were started, in the order of the plan.
    pub cases: Vec<CaseOutcome>,
    /// The counts.
    pub summary: Summary,
    /// The cases that are red, grouped by what they failed for.
    pub failures: Vec<FailureGroup>,
    /// The startup snapshots and how each compares.
    pub snapshots: Vec<Snapshot>,
    /// The adopted incidents that were replayed.
    pub incidents: Vec<IncidentOutcome>,
    /// Why the run stopped early; `None` if it did not.
    pub halted: Option<String>,
}

impl RunOutcome {
    /// Creates the outcome of a run from its results.
    pub fn new(
        spec: &Spec,
        ran: &RunResult,
        snapshots: &[Snapshot],
        incidents: &[Adopted],
    ) -> Self {
        Self {
            cases: ran.outcomes.iter().map(|outcome| CaseOutcome::new(spec, outcome)).collect(),
            summary: Summary::new(ran, snapshots),
            failures: FailureGroup::all(spec, ran),
            snapshots: snapshots.to_vec(),
            incidents: incidents.iter().map(IncidentOutcome::new).collect(),
            halted: ran.halted.clone(),
        }
    }

    /// Returns the cases of a group of failures, in their order.
    pub fn members<'a>(&'a self, group: &'a FailureGroup) -> impl Iterator<Item = &'a CaseOutcome> {
        group.cases.iter().filter_map(|index| self.cases.get(*index))
    }
}
