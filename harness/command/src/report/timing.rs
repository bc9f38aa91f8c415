//! Timings as a table.

use super::table::table;
use spanproof_format::Timings;

/// Returns a table of the steps: those that happen once, then those of trials.
pub fn timings(timings: &Timings) -> String {
    let once = timings
        .once
        .iter()
        .map(|(step, took)| vec![step.clone(), "1".into(), millis(*took), String::new()]);
    let steps = timings.steps.iter().map(|step| {
        vec![step.name.clone(), step.count.to_string(), millis(step.sum_us), millis(step.median_us)]
    });
    let rows: Vec<_> = once.chain(steps).collect();
    table(&["step", "times", "sum ms", "median ms"], &rows)
}

fn millis(micros: u64) -> String {
    format!("{}.{}", micros / 1000, micros % 1000 / 100)
}
