//! Timings as a table.

use std::time::Duration;

use super::table::table;
use spanproof::outcome::Timings;

/// Returns a table of the steps: those that happen once, then those of trials.
pub fn timings(timings: &Timings) -> String {
    let once = timings
        .once
        .iter()
        .map(|(step, took)| vec![step.clone(), "1".into(), millis(*took), String::new()]);
    let steps = timings.steps.iter().map(|step| {
        vec![step.name.clone(), step.count.to_string(), millis(step.sum), millis(step.median)]
    });
    let rows: Vec<_> = once.chain(steps).collect();
    table(&["step", "times", "sum ms", "median ms"], &rows)
}

fn millis(took: Duration) -> String {
    let micros = took.as_micros();
    format!("{}.{}", micros / 1000, micros % 1000 / 100)
}
