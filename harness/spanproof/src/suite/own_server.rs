//! Runs failing cases once more, one after the other, on a new database server that no other case uses. All
//! services on a server log in as the same role. So only there is it certain that it was this service that
//! wrote to another database, or failed to do so.

use std::collections::BTreeMap;

use tokio::sync::watch;

use super::attempt::{Attempt, run_witnessed};
use super::options::RunOptions;
use super::result::{CaseOutcome, JudgedCase, finished_cases};
use crate::matrix::Case;
use crate::observation::Failure;
use crate::spec::Spec;
use crate::trial::{World, server_failure};
use crate::verdict::Experiment;

/// Maximum number of cases that are repeated.
pub(super) const MAX_CASES: usize = 4;

/// Repeats the cases whose verdict depends on what happens in other databases.
pub(super) async fn repeat_alone(
    world: &World,
    slots: &mut [Option<CaseOutcome>],
    options: &RunOptions,
    cancelled: &watch::Receiver<bool>,
) {
    let selected = cases_to_repeat(world.spec(), slots);
    if selected.is_empty() {
        return;
    }
    let Ok(alone) = world.with_own_server().await else { return };
    let mut trials = OwnServerTrials { alone: &alone, background: BTreeMap::new() };
    for CaseToRepeat { index, case, twin } in selected {
        let mut cancelled = cancelled.clone();
        let attempt = tokio::select! {
            attempt = trials.run(&case, twin.as_ref()) => attempt,
            _ = server_failure(alone.server()) => break,
            _ = cancelled.wait_for(|cancelled| *cancelled) => break,
        };
        let Some(Attempt { observation, judgement, .. }) = attempt else { continue };
        if judgement.gap_codes().is_empty() {
            continue;
        }
        if let Some(Some(Ok(first))) = slots.get_mut(index) {
            (first.observation, first.judgement) = (observation, judgement);
            first.store(&options.evidence);
        }
    }
    // An error has no consequence, because the server also stops when its last user exits.
    let _closed = alone.close().await;
}

/// A case to repeat.
struct CaseToRepeat {
    index: usize,
    case: Case,
    /// The same case with tracing off, if it ran.
    twin: Option<Case>,
}

fn cases_to_repeat(spec: &Spec, slots: &[Option<CaseOutcome>]) -> Vec<CaseToRepeat> {
    let all = finished_cases(slots);
    let needs_own_server =
        |(_, case): &(usize, &JudgedCase)| case.judgement.next == Some(Experiment::OwnServer);
    let selected = all.clone().filter(needs_own_server).take(MAX_CASES).map(|(index, judged)| {
        let case = judged.observation.case.clone();
        let mut others = all.clone().map(|(_, other)| &other.observation.case);
        let twin = others.find(|other| other.is_untraced_twin(&case, spec)).cloned();
        CaseToRepeat { index, case, twin }
    });
    selected.collect()
}

/// Trials on the new server, one at a time.
struct OwnServerTrials<'a> {
    alone: &'a World,
    /// The errors that the server logs while a case with tracing off runs, by the id of the case.
    background: BTreeMap<String, Vec<Failure>>,
}

impl OwnServerTrials<'_> {
    /// Runs a case, after its twin with tracing off; `None` if the case can't be run.
    async fn run(&mut self, case: &Case, twin: Option<&Case>) -> Option<Attempt> {
        let background = match twin {
            Some(twin) => self.errors_of(twin).await,
            None => Vec::new(),
        };
        run_witnessed(self.alone, case, background).await.ok()
    }

    /// Returns the errors that the server logs while `twin` runs; runs it only once.
    async fn errors_of(&mut self, twin: &Case) -> Vec<Failure> {
        if let Some(errors) = self.background.get(&twin.id) {
            return errors.clone();
        }
        let attempt = run_witnessed(self.alone, twin, Vec::new()).await.ok();
        let trial = attempt.as_ref().and_then(|attempt| attempt.observation.trial());
        let witness = trial.and_then(|trial| trial.witness.clone());
        let errors = witness.map(|witness| witness.failures).unwrap_or_default();
        self.background.insert(twin.id.clone(), errors.clone());
        errors
    }
}
