//! Runs failing cases once more, and waits longer for their spans, if these may be late. A trial is one run
//! of the service.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::watch;

use super::attempt::{Attempt, run_waiting};
use super::options::RunOptions;
use super::result::{CaseOutcome, finished_cases};
use super::trials::run_trials;
use crate::matrix::Case;
use crate::observation::Repetition;
use crate::trial::World;
use crate::verdict::{failure_signature, judge, may_be_late};
use spanproof_format::LongerWait;

/// Maximum number of groups of cases that fail in the same way for which spanproof waits longer.
const MAX_GROUPS: usize = 8;

/// Maximum number of cases in one run for which spanproof waits longer.
pub(super) const MAX_CASES: usize = 24;

/// Minimum of the longer wait. Longer than the interval of five seconds in which the batch processors of
/// OpenTelemetry's SDKs export by default.
const MIN_WAIT: Duration = Duration::from_secs(6);

/// Maximum of the longer wait.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Runs one case of each group of cases that fail in the same way again, and waits longer for its spans. If
/// its code is another one then, does the same with the other cases of the group.
pub(super) async fn wait_longer(
    world: &World,
    slots: &mut [Option<CaseOutcome>],
    options: &RunOptions,
    cancelled: &watch::Receiver<bool>,
) {
    let flush = world.spec().flush_time();
    let limit = longer_wait(flush);
    if limit <= flush {
        return;
    }
    let groups: Vec<_> = groups(slots).into_values().take(MAX_GROUPS).collect();
    let first_cases = groups.iter().filter_map(|group| group.first().cloned()).collect();
    let mut trials = LongerTrials { world, slots, options, limit };
    let changed = trials.run(first_cases, cancelled).await;
    let is_changed = |group: &&Vec<(usize, Case)>| changed.contains(&group[0].0);
    let others = groups.iter().filter(is_changed).flat_map(|group| &group[1..]).cloned();
    let others = others.take(MAX_CASES - MAX_GROUPS).collect();
    trials.run(others, cancelled).await;
}

/// The trials that wait longer for spans.
struct LongerTrials<'a> {
    world: &'a World,
    slots: &'a mut [Option<CaseOutcome>],
    options: &'a RunOptions,
    /// How long to wait.
    limit: Duration,
}

impl LongerTrials<'_> {
    /// Runs the cases, and judges each of them with its new trial. Returns the indexes of the cases whose code
    /// is another one now.
    async fn run(
        &mut self,
        cases: Vec<(usize, Case)>,
        cancelled: &watch::Receiver<bool>,
    ) -> BTreeSet<usize> {
        let mut changed = BTreeSet::new();
        let (world, limit, workers) = (self.world, self.limit, self.options.workers);
        let start = |case: Case| {
            let world = world.clone();
            async move { run_waiting(&world, &case, limit).await }
        };
        run_trials(cases, workers, cancelled, start, |index, longer| {
            if let Ok(longer) = longer
                && self.add(index, &longer) == Some(true)
            {
                changed.insert(index);
            }
        })
        .await;
        changed
    }

    /// Judges a case with a trial that waited longer, and returns whether its code is another one now; `None`
    /// if the trial did not wait for spans.
    fn add(&mut self, index: usize, longer: &Attempt) -> Option<bool> {
        let first = self.slots.get_mut(index)?.as_mut()?.as_mut().ok()?;
        let waited_us = *longer.observation.trial()?.timings.get("flush")?;
        let limit_ms = u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX);
        let wait = LongerWait::new(limit_ms, waited_us / 1000, longer.judgement.spans);
        let before = first.judgement.code();
        first.observation.add_repetition(Repetition {
            witness: false,
            codes: longer.judgement.gap_codes(),
            error: None,
            longer_wait: Some(wait),
        });
        first.judgement = judge(self.world.spec(), &first.observation);
        first.store(&self.options.evidence);
        Some(first.judgement.code() != before)
    }
}

/// Returns how long to wait for spans if `flush` was not long enough.
fn longer_wait(flush: Duration) -> Duration {
    flush.saturating_mul(2).clamp(MIN_WAIT, MAX_WAIT)
}

/// Returns the cases whose spans may be late, with their indexes, in groups of cases that fail in the same way.
fn groups(slots: &[Option<CaseOutcome>]) -> BTreeMap<String, Vec<(usize, Case)>> {
    let mut groups: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (index, judged) in finished_cases(slots) {
        let case = &judged.observation.case;
        if case.fault.is_none() && may_be_late(&judged.judgement) {
            groups
                .entry(failure_signature(&judged.judgement))
                .or_default()
                .push((index, case.clone()));
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::short(100, 6_000)]
    #[case::default(5_000, 10_000)]
    #[case::long(20_000, 30_000)]
    fn the_longer_wait_is_twice_as_long_and_bounded(#[case] flush_ms: u64, #[case] ms: u64) {
        assert_eq!(longer_wait(Duration::from_millis(flush_ms)), Duration::from_millis(ms));
    }
}
