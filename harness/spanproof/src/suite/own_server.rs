//! Runs failing cases once more with a server of their own, one after the other. All services of a
//! server log in as the same role, so only there is it certain which of them writes to, or fails in, a
//! database that is not its own.

use tokio::sync::watch;

use super::attempt::run_witnessed;
use super::options::RunOptions;
use super::result::{CaseOutcome, JudgedCase};
use crate::matrix::Case;
use crate::observation::{self, Failure};
use crate::spec::Spec;
use crate::trial::World;
use crate::verdict::Experiment;

/// Maximum number of cases that get a server of their own.
pub(super) const MAX_CASES: usize = 4;

/// Looks again at the cases about which something in another database would decide.
pub(super) async fn look_alone(
    world: &World,
    slots: &mut [Option<CaseOutcome>],
    options: &RunOptions,
    cancelled: &watch::Receiver<bool>,
) {
    let open: Vec<usize> = (0..slots.len()).filter(|at| is_open(slots[*at].as_ref())).collect();
    if open.is_empty() {
        return;
    }
    let Ok(alone) = world.with_own_server().await else { return };
    for index in open.into_iter().take(MAX_CASES) {
        let mut cancelled = cancelled.clone();
        tokio::select! {
            () = look(&alone, slots, index, options) => {}
            _ = cancelled.wait_for(|cancelled| *cancelled) => break,
        }
    }
    // The server stops with its last user, too.
    let _kept_by_none = alone.close().await;
}

async fn look(
    alone: &World,
    slots: &mut [Option<CaseOutcome>],
    index: usize,
    options: &RunOptions,
) {
    let Some(case) = finished(slots[index].as_ref()).map(|case| case.observation.case.clone())
    else {
        return;
    };
    let background = match twin(alone.spec(), slots, &case) {
        Some(off) => errors_of(alone, &off).await,
        None => Vec::new(),
    };
    let Ok(attempt) = run_witnessed(alone, &case, background).await else { return };
    let (observation, judgement) = (attempt.observation, attempt.judgement);
    if judgement.gap_codes().is_empty()
        || observation::write(&options.evidence, &observation).is_err()
    {
        return;
    }
    if let Some(Some(Ok(first))) = slots.get_mut(index) {
        (first.observation, first.judgement) = (observation, judgement);
    }
}

/// Returns the errors that the server logs while a case runs.
async fn errors_of(alone: &World, case: &Case) -> Vec<Failure> {
    let attempt = run_witnessed(alone, case, Vec::new()).await.ok();
    let trial = attempt.as_ref().and_then(|attempt| attempt.observation.trial());
    let witness = trial.and_then(|trial| trial.witness.clone());
    witness.map(|witness| witness.failures).unwrap_or_default()
}

/// Returns the case that differs from `case` only in that tracing is off.
fn twin(spec: &Spec, slots: &[Option<CaseOutcome>], case: &Case) -> Option<Case> {
    let cases = slots.iter().filter_map(|slot| finished(slot.as_ref()));
    let mut cases = cases.map(|case| &case.observation.case);
    let is_twin = |other: &&Case| {
        other.fault.is_none() && !other.records(spec) && other.work(spec) == case.work(spec)
    };
    cases.find(is_twin).cloned()
}

fn finished(slot: Option<&CaseOutcome>) -> Option<&JudgedCase> {
    slot?.as_ref().ok()
}

fn is_open(slot: Option<&CaseOutcome>) -> bool {
    finished(slot).is_some_and(|case| case.judgement.next == Some(Experiment::OwnServer))
}
