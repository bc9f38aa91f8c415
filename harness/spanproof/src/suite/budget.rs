//! Lists the further runs that `check` may add to the planned cases, with their maximum numbers.

use super::baseline::{MAX_BASELINES, REPETITIONS};
use super::flag_repetitions;
use super::longer_wait;
use super::own_server;
use super::passing_changes::MAX_EXTRA_CASES;
use super::second_trial;
use super::slowdown;

/// Returns a description of each kind of further run, with the maximum number of runs.
pub(crate) fn further_runs() -> Vec<(String, usize)> {
    vec![
        (
            "further runs of failing cases, the first with the witness".to_owned(),
            second_trial::MAX_CASES * (1 + second_trial::REPETITIONS),
        ),
        (
            "further runs of failing cases that wait longer for spans".to_owned(),
            longer_wait::MAX_CASES,
        ),
        (
            "further runs of failing cases with a server of their own".to_owned(),
            2 * own_server::MAX_CASES,
        ),
        ("runs of failing cases with one value changed".to_owned(), MAX_EXTRA_CASES),
        (
            "repetitions of cases whose outcome differs with and without tracing".to_owned(),
            MAX_BASELINES * REPETITIONS,
        ),
        (
            "repetitions of cases that differ, to find out whether a flag or chance is the reason"
                .to_owned(),
            flag_repetitions::MAX_CASES * flag_repetitions::TRIALS,
        ),
        (
            "measurements of jobs that are many times slower with tracing".to_owned(),
            slowdown::MAX_JOBS * slowdown::TRIALS * 2,
        ),
    ]
}
