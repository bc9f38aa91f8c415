//! Repeats pairs of cases that differ only in the value of a flag, if their observations differ and it is not
//! known whether the flag or chance is the reason. A trial is one run of the service for a case.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::attempt::run_once;
use super::options::RunOptions;
use super::result::{CaseOutcome, finished_cases};
use crate::chain::chain;
use crate::effect::flag_effects;
use crate::matrix::Case;
use crate::observation::{self, Observation};
use crate::spec::Spec;
use crate::trial::World;

/// Number of further trials of each case. With the first trial, there are three of both cases of a pair,
/// which are enough to decide.
pub(super) const TRIALS: usize = 2;
/// Maximum number of cases that are repeated. It does not apply to a run that is stored as a proof of what
/// the flags do.
pub(super) const MAX_CASES: usize = 12;
/// The folder for the evidence, in the folder of the run, with one folder for each trial number.
pub(super) const FOLDER: &str = "repetitions";

/// Further trials of cases.
#[derive(Debug, Default)]
pub(super) struct Repetitions {
    pub(super) observations: Vec<Observation>,
    /// The folders with their evidence.
    pub(super) folders: Vec<PathBuf>,
    /// Why evidence could not be written, for each trial without evidence.
    pub(super) write_errors: Vec<String>,
}

/// Repeats the pairs of cases, and returns the evidence. Stores the evidence in the folder of the run, too.
pub(super) async fn repeat_for_flags(
    world: &World,
    slots: &[Option<CaseOutcome>],
    options: &RunOptions,
    cancelled: &watch::Receiver<bool>,
) -> Repetitions {
    let observations: Vec<_> = finished_cases(slots).map(|(_, case)| &case.observation).collect();
    let limit = if options.prove_flags { usize::MAX } else { MAX_CASES };
    let workers = Arc::new(Semaphore::new(options.workers));
    let mut running = JoinSet::new();
    for case in uncertain_cases(world.spec(), &observations, limit) {
        for number in 1..=TRIALS {
            let (world, case, workers) = (world.clone(), case.clone(), workers.clone());
            running.spawn(async move {
                let _worker = workers.acquire_owned().await;
                (number, run_once(&world, &case, false).await)
            });
        }
    }
    let mut found = Repetitions::default();
    loop {
        let mut cancelled = cancelled.clone();
        let next = tokio::select! {
            next = running.join_next() => next,
            _ = cancelled.wait_for(|cancelled| *cancelled) => None,
        };
        let Some(next) = next else { break };
        let Ok((number, Ok(again))) = next else { continue };
        let folder = options.evidence.join(FOLDER).join(number.to_string());
        match observation::write(&folder, &again.observation) {
            Ok(folder) => {
                found.observations.push(again.observation);
                found.folders.push(folder);
            }
            // The trial is not used, because a report that is made later from the folder would lack it.
            Err(error) => found.write_errors.push(chain(&error)),
        }
    }
    running.shutdown().await;
    found.observations.sort_by(|one, other| one.case.id.cmp(&other.case.id));
    found
}

/// Returns the cases, at most `limit`, that must run again to find out the effect of a flag. Ignores the
/// flag that switches tracing, because the verdicts already check its effect.
fn uncertain_cases(spec: &Spec, observations: &[&Observation], limit: usize) -> Vec<Case> {
    let is_other = |name: &str| spec.tracing_flag().is_none_or(|flag| flag.name != name);
    if !spec.flags.iter().any(|flag| is_other(&flag.name)) {
        return Vec::new();
    }
    let effects = flag_effects(spec, observations);
    let others = effects.iter().filter(|effects| is_other(&effects.name));
    let pairs = others.flat_map(|effects| &effects.values).filter_map(|value| value.repeat);
    let indexes: BTreeSet<usize> = pairs.take(limit / 2).flatten().collect();
    indexes.into_iter().map(|index| observations[index].case.clone()).collect()
}
