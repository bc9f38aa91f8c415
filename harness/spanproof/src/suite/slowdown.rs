//! Measures jobs again that tracing seems to slow down: alternately with tracing off and on, with no
//! other trial at the same time.

use tokio::sync::watch;

use super::attempt::run_once;
use super::options::RunOptions;
use super::result::{CaseOutcome, finished_cases};
use crate::matrix::Case;
use crate::observation::Observation;
use crate::trial::World;
use crate::verdict::{judge, slow_pairs};
use spanproof_format::JobTimes;

/// Number of trials of each of the two cases. The trials alternate, so it is unlikely that something other
/// than tracing slows down the three trials with tracing and none of the three trials between them.
pub(super) const TRIALS: usize = 3;
/// Maximum number of jobs that are measured again.
pub(super) const MAX_JOBS: usize = 2;

/// Measures the jobs that took many times longer with tracing on, and judges their cases again.
pub(super) async fn measure_again(
    world: &World,
    slots: &mut [Option<CaseOutcome>],
    options: &RunOptions,
    cancelled: &watch::Receiver<bool>,
) {
    for Suspect { off, on, slot } in suspects(world, slots).into_iter().take(MAX_JOBS) {
        let mut cancelled = cancelled.clone();
        let times = tokio::select! {
            times = alternate(world, &off, &on) => times,
            _ = cancelled.wait_for(|cancelled| *cancelled) => return,
        };
        let (Some(times), Some(Some(Ok(slow)))) = (times, slots.get_mut(slot)) else { continue };
        slow.observation.set_job_times(times);
        slow.judgement = judge(world.spec(), &slow.observation);
        slow.store(&options.evidence);
    }
}

/// A job that seems to be slowed down by tracing.
struct Suspect {
    /// The case with tracing off.
    off: Case,
    /// The case with tracing on.
    on: Case,
    /// The index of the case with tracing on.
    slot: usize,
}

fn suspects(world: &World, slots: &[Option<CaseOutcome>]) -> Vec<Suspect> {
    let (indexes, observations): (Vec<usize>, Vec<&Observation>) =
        finished_cases(slots).map(|(at, case)| (at, &case.observation)).unzip();
    let pairs = slow_pairs(world.spec(), &observations).into_iter();
    let case = |at: usize| observations[at].case.clone();
    pairs.map(|(off, on)| Suspect { off: case(off), on: case(on), slot: indexes[on] }).collect()
}

/// Runs both cases in turn. Returns `None` if a trial does not start or its job does not end, because
/// the times can't be compared.
async fn alternate(world: &World, off: &Case, on: &Case) -> Option<JobTimes> {
    let mut pairs = Vec::new();
    for _ in 0..TRIALS {
        let off = run_once(world, off, false).await.ok()?;
        let on = run_once(world, on, false).await.ok()?;
        pairs.push((off.observation.job_ms()?, on.observation.job_ms()?));
    }
    Some(JobTimes::new(&off.id, &pairs))
}
