//! Runs failing cases once more with a server of their own, one after the other. All services on a server
//! log in as the same role. Only with a server of its own is it certain that this service writes to, or
//! fails in, a database that is not its own.

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

/// Maximum number of cases that get a server of their own.
pub(super) const MAX_CASES: usize = 4;

/// Repeats the cases whose verdict depends on what happens in other databases.
pub(super) async fn repeat_alone(
    world: &World,
    slots: &mut [Option<CaseOutcome>],
    options: &RunOptions,
    cancelled: &watch::Receiver<bool>,
) {
    let open = open_cases(world.spec(), slots);
    if open.is_empty() {
        return;
    }
    let Ok(alone) = world.with_own_server().await else { return };
    let mut trials = OwnServerTrials { alone: &alone, background: BTreeMap::new() };
    for OpenCase { index, case, twin } in open {
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
    // The server stops with its last user, too.
    let _closed = alone.close().await;
}

/// A case to repeat.
struct OpenCase {
    index: usize,
    case: Case,
    /// The same case with tracing off, if it ran.
    twin: Option<Case>,
}

fn open_cases(spec: &Spec, slots: &[Option<CaseOutcome>]) -> Vec<OpenCase> {
    let all = finished_cases(slots);
    let is_open =
        |(_, case): &(usize, &JudgedCase)| case.judgement.next == Some(Experiment::OwnServer);
    let open = all.clone().filter(is_open).take(MAX_CASES).map(|(index, judged)| {
        let case = judged.observation.case.clone();
        let mut others = all.clone().map(|(_, other)| &other.observation.case);
        let twin = others.find(|other| other.is_untraced_twin(&case, spec)).cloned();
        OpenCase { index, case, twin }
    });
    open.collect()
}

/// Trials on a server of their own.
struct OwnServerTrials<'a> {
    alone: &'a World,
    /// The errors that the server logs while a case with tracing off runs, by the id of the case.
    background: BTreeMap<String, Vec<Failure>>,
}

impl OwnServerTrials<'_> {
    /// Runs a case, after its twin with tracing off; `None` if it does not start.
    async fn run(&mut self, case: &Case, twin: Option<&Case>) -> Option<Attempt> {
        let background = match twin {
            Some(twin) => self.errors_of(twin).await,
            None => Vec::new(),
        };
        run_witnessed(self.alone, case, background).await.ok()
    }

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
