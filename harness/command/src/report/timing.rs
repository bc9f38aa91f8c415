//! The durations of a run's steps as text.

use super::table::table;
use spanproof_format::Timings;

/// Returns a table of steps: first the steps that happen once per run, then the steps of trials (a
/// trial is one start of the service for one case).
pub fn timings(timings: &Timings) -> String {
    let once = timings
        .once
        .iter()
        .map(|(step, time)| vec![step.clone(), "1".into(), milliseconds(*time), String::new()]);
    let steps = timings.steps.iter().map(|step| {
        vec![
            step.name.clone(),
            step.count.to_string(),
            milliseconds(step.sum_us),
            milliseconds(step.median_us),
        ]
    });
    let rows: Vec<_> = once.chain(steps).collect();
    table(&["step", "count", "sum ms", "median ms"], &rows)
}

fn milliseconds(micros: u64) -> String {
    format!("{}.{}", micros / 1000, micros % 1000 / 100)
}
