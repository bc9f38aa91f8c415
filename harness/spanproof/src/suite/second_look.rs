//! Runs failing cases a second time with the database witness, which counts attempts to insert spans,
//! if their own evidence does not explain why spans are missing.

use std::collections::BTreeMap;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::attempt::run_once;
use super::options::RunOptions;
use super::result::CaseOutcome;
use super::result::JudgedCase;
use crate::observation::{self, Repetition};
use crate::trial::World;
use crate::verdict::{Experiment, Judgement, explains, judge, shape};
use spanproof_format::Code;

/// Maximum number of cases that one run looks at twice. Cases that fail alike usually have the same
/// reason, and the others of a group are judged by what the second look at one of them shows.
pub(super) const MAX_LOOKS: usize = 8;

/// Trials of a case whose second trial does not show what the first one shows.
pub(super) const REPETITIONS: usize = 3;

/// Looks twice at failing cases: at the first case of each group of cases that fail alike, then at the
/// second ones, and so on. Cases whose second trial fails in another way keep their first trial, and are
/// repeated.
pub(super) async fn look_again(
    world: &World,
    slots: &mut [Option<CaseOutcome>],
    options: &RunOptions,
    cancelled: &watch::Receiver<bool>,
) {
    let mut waiting = selected(slots).into_iter();
    let (mut running, mut unexplained) = (JoinSet::new(), Vec::new());
    loop {
        while running.len() < options.workers.max(1) && !*cancelled.borrow() {
            let Some(index) = waiting.next() else { break };
            let Some(Some(Ok(first))) = slots.get(index) else { continue };
            let (world, case) = (world.clone(), first.observation.case.clone());
            running.spawn(async move { (index, run_once(&world, &case, true).await) });
        }
        let mut cancelled = cancelled.clone();
        let next = tokio::select! {
            next = running.join_next() => next,
            _ = cancelled.wait_for(|cancelled| *cancelled) => None,
        };
        let Some(next) = next else { break };
        let Ok((index, second)) = next else { continue };
        let Some(Some(Ok(first))) = slots.get_mut(index) else { continue };
        match second {
            Ok(second) if explains(&second.judgement, &first.judgement) => {
                if observation::write(&options.evidence, &second.observation).is_ok() {
                    (first.observation, first.judgement) = (second.observation, second.judgement);
                }
            }
            second => unexplained.push((index, second.map(|second| second.judgement.gap_codes()))),
        }
    }
    running.shutdown().await;
    for (index, second) in unexplained {
        if *cancelled.borrow() {
            return;
        }
        let Some(Some(Ok(first))) = slots.get_mut(index) else { continue };
        repeat(world, first, second, options).await;
    }
}

/// Repeats a case whose second trial does not show what the first one shows, and notes what its trials
/// came to.
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
        Repetition { witness, codes, error }
    });
    first.observation.set_repetitions(repetitions.collect());
    first.judgement = judge(world.spec(), &first.observation);
    // Without the note in its evidence a later report shows one trial only.
    let _unwritable = observation::write(&options.evidence, &first.observation);
}

/// Returns the indexes of the cases to look at twice, in the order in which they are.
fn selected(slots: &[Option<CaseOutcome>]) -> Vec<usize> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut ranked = Vec::new();
    for (index, slot) in slots.iter().enumerate() {
        let Some(Ok(case)) = slot else { continue };
        if !is_open(&case.judgement) {
            continue;
        }
        let rank = counts.entry(shape(&case.judgement)).or_insert(0);
        ranked.push((*rank, index));
        *rank += 1;
    }
    ranked.sort_unstable();
    ranked.into_iter().take(MAX_LOOKS).map(|(_, index)| index).collect()
}

fn is_open(judgement: &Judgement) -> bool {
    judgement.next == Some(Experiment::Witness)
}
