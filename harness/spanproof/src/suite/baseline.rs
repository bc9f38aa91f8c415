//! Repeats baselines. A baseline is a case without tracing whose outcome differs from that of the same case
//! with tracing. The outcome of a service may also differ from run to run, for example because its work is
//! random or runs in parallel. Units (parts of a job) whose outcome differs from run to run are not
//! compared.

use std::collections::BTreeSet;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::attempt::run_once;
use super::options::RunOptions;
use super::result::{CaseOutcome, finished_cases};
use crate::observation::Observation;
use crate::spec::Spec;
use crate::trial::World;
use crate::verdict::{Evidence, Judgement, cases_to_repeat, compare, different_units};
use spanproof_format::Code;

/// Number of repetitions that run at the same time.
const ROUND: usize = 4;
/// Maximum number of rounds: another one runs if nothing varied so far. With twelve repetitions, a unit that has a
/// different outcome in every second run on average remains undetected with a probability of 1/4096.
const ROUNDS: usize = 3;
/// Maximum number of repetitions of one case.
pub(super) const REPETITIONS: usize = ROUND * ROUNDS;
/// Maximum number of baselines that are repeated.
pub(super) const MAX_BASELINES: usize = 8;

/// Repeats the baselines, and stores in their evidence which units differ from run to run. If a repetition of a
/// baseline can't be run, the evidence of this baseline stays as it is.
pub(super) async fn repeat_baselines(
    world: &World,
    slots: &mut [Option<CaseOutcome>],
    options: &RunOptions,
    cancelled: &watch::Receiver<bool>,
) {
    for index in baselines(world.spec(), slots).into_iter().take(MAX_BASELINES) {
        let Some(Some(Ok(first))) = slots.get_mut(index) else { continue };
        let mut variations = Some(BTreeSet::new());
        for _ in 0..ROUNDS {
            if variations.as_ref().is_some_and(BTreeSet::is_empty) {
                let mut cancelled = cancelled.clone();
                variations = tokio::select! {
                    variations = repeat(world, &first.observation) => variations,
                    _ = cancelled.wait_for(|cancelled| *cancelled) => return,
                };
            }
        }
        let Some(variations) = variations else { continue };
        first.observation.set_variations(variations);
        first.store(&options.evidence);
    }
}

/// Runs one round of repetitions of a case. Returns the keys of what differs from the first trial; `None` if a
/// repetition can't be run.
async fn repeat(world: &World, first: &Observation) -> Option<BTreeSet<String>> {
    let mut running = JoinSet::new();
    for _ in 0..ROUND {
        let (world, case) = (world.clone(), first.case.clone());
        running.spawn(async move { run_once(&world, &case, false).await });
    }
    let mut variations = BTreeSet::new();
    for again in running.join_all().await {
        variations.extend(different_units(world.spec(), (first, &again.ok()?.observation)));
    }
    Some(variations)
}

/// Returns the indexes of the baselines, and of cases whose values or requests differ from those of the
/// same case with tracing.
fn baselines(spec: &Spec, slots: &[Option<CaseOutcome>]) -> BTreeSet<usize> {
    let finished: Vec<_> = finished_cases(slots).collect();
    let observations: Vec<_> = finished.iter().map(|(_, case)| &case.observation).collect();
    let mut judgements: Vec<_> = finished.iter().map(|(_, case)| case.judgement.clone()).collect();
    compare(spec, &observations, &mut judgements);
    let index_of = |id: &str| {
        let found = finished.iter().find(|(_, case)| case.observation.case.id == id);
        found.map(|(index, _)| *index)
    };
    let findings = judgements.iter().flat_map(Judgement::findings);
    let changed = findings.filter(|finding| finding.code == Code::OutcomeChangedByTracing);
    let compared = changed.flat_map(|finding| &finding.evidence);
    let ids = compared.filter_map(|evidence| match evidence {
        Evidence::Compared { case, .. } => Some(case.as_str()),
        _ => None,
    });
    let mut indexes: BTreeSet<usize> = ids.filter_map(index_of).collect();
    indexes.extend(cases_to_repeat(spec, &observations).into_iter().map(|at| finished[at].0));
    indexes
}
