//! Finds a job that takes many times longer with tracing on than with tracing off. On a busy machine, one
//! trial of each proves little: such a pair is only a reason to measure both again, alternately and alone.

use super::evidence::Evidence;
use super::facts::Facts;
use super::finding::{Checks, Finding};
use super::same_job::{CaseOutcome, group_by_job};
use crate::observation::Observation;
use crate::spec::Spec;
use spanproof_format::{Code, Confidence};

/// The shortest time of a slow job with tracing on is at least this many times its shortest time with tracing
/// off. Other load makes times only longer, so the shortest time is the one that it affects least.
const FACTOR: u64 = 4;
/// In each pair of trials, a slow job takes at least this many times as long with tracing on. Lower than
/// [`FACTOR`], because other load may slow down the trial with tracing off.
const PAIR_FACTOR: u64 = 2;
/// A slow job takes at least this much longer with tracing on: below it, the start of a connection or
/// one slow answer of the server can be the whole difference.
const FLOOR_MS: u64 = 300;

/// Whether a job of `on` milliseconds with tracing on takes at least `factor` times as long as one of `off`
/// milliseconds with tracing off, and [`FLOOR_MS`] longer.
fn is_slower(factor: u64, off: u64, on: u64) -> bool {
    on >= factor.saturating_mul(off) && on - off >= FLOOR_MS
}

/// Returns the pairs of cases whose times are worth measuring again, as the indexes of the case with tracing
/// off and of the one with tracing on. The pair with the greatest difference comes first, and each job has at
/// most one pair.
pub(crate) fn slow_pairs(spec: &Spec, all: &[&Observation]) -> Vec<(usize, usize)> {
    let time = |case: &CaseOutcome| Some((all[case.index].job_ms()?, case.index));
    let mut pairs = Vec::new();
    for group in group_by_job(spec, all) {
        let off = group.tracing_off.iter().filter_map(time).min();
        let on = group.tracing_on.iter().filter_map(time).max();
        if let (Some((off_ms, off)), Some((on_ms, on))) = (off, on)
            && is_slower(PAIR_FACTOR, off_ms, on_ms)
        {
            pairs.push((on_ms - off_ms, (off, on)));
        }
    }
    pairs.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
    pairs.into_iter().map(|(_, pair)| pair).collect()
}

/// In at least one pair of trials, or in the shortest trials, the job must not be slow.
pub(super) fn check_job_times(facts: &Facts<'_>, checks: &mut Checks) {
    let Some(times) = facts.trial().and_then(|trial| trial.job_times.as_ref()) else { return };
    let mut pairs = times.off_ms.iter().zip(&times.on_ms);
    let (Some(&off), Some(&on)) = (times.off_ms.iter().min(), times.on_ms.iter().min()) else {
        return;
    };
    let is_slowed =
        is_slower(FACTOR, off, on) && pairs.all(|(off, on)| is_slower(PAIR_FACTOR, *off, *on));
    // The load of the machine decides which jobs are measured. A job that is not slow does not count as an
    // assertion, so that the number of assertions is the same in every run.
    if !is_slowed {
        return;
    }
    checks.expect(false, || {
        let message = format!(
            "the job takes {} times as long with tracing on as with tracing off: {on} ms instead of {off} ms",
            on / off.max(1),
        );
        let evidence = vec![
            Evidence::Note(format!("tracing on: {}", text(&times.on_ms))),
            Evidence::Note(format!("tracing off, case {}: {}", times.off_case, text(&times.off_ms))),
            Evidence::Note("the trials ran alternately, and no other trial ran at the same time".to_owned()),
        ];
        let mut finding = Finding::new(Code::SlowedByTracing, message, evidence);
        // Something else on the machine may slow down exactly these trials.
        finding.confidence = Confidence::Likely;
        finding
    });
}

/// Returns the times as text, such as `1510, 1498, 1502 ms`.
fn text(times: &[u64]) -> String {
    let times: Vec<_> = times.iter().map(ToString::to_string).collect();
    format!("{} ms", times.join(", "))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::many_times(20, 400, true)]
    #[case::small_difference(20, 310, false)]
    #[case::small_factor(400, 1500, false)]
    #[case::no_time_with_tracing_off(0, 300, true)]
    #[case::faster(900, 20, false)]
    fn a_job_is_slow_if_both_the_factor_and_the_difference_are_large(
        #[case] off: u64,
        #[case] on: u64,
        #[case] slow: bool,
    ) {
        assert_eq!(is_slower(FACTOR, off, on), slow);
    }

    #[test]
    fn the_text_lists_all_times() {
        assert_eq!(text(&[12, 7]), "12, 7 ms");
    }
}
