//! Runs failing cases a second time with the database witness, which counts attempts to insert spans,
//! if their own evidence does not explain why spans are missing.

use std::collections::BTreeMap;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::attempt::run_once;
use super::options::RunOptions;
use super::result::CaseOutcome;
use crate::observation;
use crate::trial::World;
use crate::verdict::{Experiment, Judgement, explains, shape};

/// Maximum number of cases that one run looks at twice. Cases that fail alike usually have the same
/// reason, and the others of a group are judged by what the second look at one of them shows.
pub(super) const MAX_LOOKS: usize = 8;

/// Looks twice at failing cases: at the first case of each group of cases that fail alike, then at the
/// second ones, and so on. Cases whose second trial fails in another way keep their first trial.
pub(super) async fn look_again(
    world: &World,
    slots: &mut [Option<CaseOutcome>],
    options: &RunOptions,
    cancelled: &watch::Receiver<bool>,
) {
    let mut waiting = selected(slots).into_iter();
    let mut running = JoinSet::new();
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
        let Ok((index, Ok(second))) = next else { continue };
        let Some(Some(Ok(first))) = slots.get_mut(index) else { continue };
        if explains(&second.judgement, &first.judgement)
            && observation::write(&options.evidence, &second.observation).is_ok()
        {
            (first.observation, first.judgement) = (second.observation, second.judgement);
        }
    }
    running.shutdown().await;
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
