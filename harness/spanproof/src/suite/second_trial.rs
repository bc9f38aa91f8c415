//! Runs failing cases a second time with the witness if their own evidence does not explain why spans are
//! missing. The witness is a set of triggers that log each attempt to insert a span. A trial is one run of
//! the service for a case.

use std::collections::BTreeMap;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::attempt::run_once;
use super::options::RunOptions;
use super::result::{CaseOutcome, JudgedCase, finished_cases};
use super::trials::run_trials;
use crate::matrix::Case;
use crate::observation::Repetition;
use crate::trial::World;
use crate::verdict::{Experiment, Judgement, explains, failure_signature, judge};
use spanproof_format::Code;

/// Maximum number of cases in one run that get a second trial. Cases that fail in the same way usually have
/// the same reason, so the witness of one of them is also used for the others.
pub(super) const MAX_CASES: usize = 8;

/// Number of further trials of a case whose second trial does not fail like the first one.
pub(super) const REPETITIONS: usize = 3;

/// Runs a second trial of failing cases: first of one case of each group of cases that fail in the same
/// way, then of a second case of each group, and so on. A case whose second trial does not fail like the first
/// one keeps its first trial, and gets further trials.
pub(super) async fn run_second_trials(
    world: &World,
    slots: &mut [Option<CaseOutcome>],
    options: &RunOptions,
    cancelled: &watch::Receiver<bool>,
) {
    let mut unexplained = Vec::new();
    let start = |case: Case| {
        let world = world.clone();
        async move { run_once(&world, &case, true).await }
    };
    let cases = select_cases(slots);
    run_trials(cases, options.workers, cancelled, start, |index, second| {
        let Some(Some(Ok(first))) = slots.get_mut(index) else { return };
        match second {
            Ok(second) if explains(&second.judgement, &first.judgement) => {
                (first.observation, first.judgement) = (second.observation, second.judgement);
                first.store(&options.evidence);
            }
            second => unexplained.push((index, second.map(|second| second.judgement.gap_codes()))),
        }
    })
    .await;
    for (index, second) in unexplained {
        if *cancelled.borrow() {
            return;
        }
        let Some(Some(Ok(first))) = slots.get_mut(index) else { continue };
        repeat(world, first, second, options).await;
    }
}

/// Runs further trials of a case whose second trial does not fail like the first one, and stores the
/// results of all trials in the evidence of the first one.
async fn repeat(
    world: &World,
    first: &mut JudgedCase,
    second: Result<Vec<Code>, String>,
    options: &RunOptions,
) {
    let mut running = JoinSet::new();
    for _ in 0..REPETITIONS {
        let (world, case) = (world.clone(), first.observation.case.clone());
        running.spawn(async move { run_once(&world, &case, false).await });
    }
    let others = running.join_all().await.into_iter();
    let others = others.map(|other| (false, other.map(|other| other.judgement.gap_codes())));
    let repetitions = std::iter::once((true, second)).chain(others).map(|(witness, codes)| {
        let (codes, error) = match codes {
            Ok(codes) => (codes, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        Repetition { witness, codes, error, longer_wait: None }
    });
    first.observation.set_repetitions(repetitions.collect());
    first.judgement = judge(world.spec(), &first.observation);
    first.store(&options.evidence);
}

/// Returns the cases that get a second trial, with their indexes, in the order of these trials.
fn select_cases(slots: &[Option<CaseOutcome>]) -> Vec<(usize, Case)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut ranked = Vec::new();
    for (index, case) in finished_cases(slots) {
        if !needs_witness(&case.judgement) {
            continue;
        }
        let rank = counts.entry(failure_signature(&case.judgement)).or_insert(0);
        ranked.push((*rank, index, &case.observation.case));
        *rank += 1;
    }
    ranked.sort_by_key(|(rank, index, _)| (*rank, *index));
    ranked.into_iter().take(MAX_CASES).map(|(_, index, case)| (index, case.clone())).collect()
}

fn needs_witness(judgement: &Judgement) -> bool {
    judgement.next == Some(Experiment::Witness)
}
