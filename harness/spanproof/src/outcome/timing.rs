//! Where the time of a run goes.

use std::time::Duration;

use spanproof_format::{Run, StepTime, Timings};

/// The steps of a trial, in order.
const STEPS: [&str; 8] =
    ["clone", "upstream", "launch", "ready", "submit", "settle", "stop", "collect"];

/// Returns the times of a run: of the steps that happen `once` in it, and of those of its trials.
pub fn timings(once: &[(&str, Duration)], run: &Run) -> Timings {
    let micros = |time: &Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let once = once.iter().map(|(step, took)| ((*step).to_owned(), micros(took))).collect();
    let step = |name: &&str| {
        let times = run.cases.iter().filter_map(|case| case.timings.get(*name));
        StepTime::new(*name, times.copied().collect())
    };
    Timings::new(once, STEPS.iter().filter_map(step).collect())
}
