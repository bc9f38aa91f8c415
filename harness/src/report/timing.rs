//! Where the time of a run goes.

use std::collections::BTreeMap;
use std::time::Duration;

use super::table::table;
use crate::suite::Ran;

/// The steps of a trial, in their order.
const STEPS: [&str; 8] =
    ["clone", "upstream", "launch", "ready", "submit", "settle", "stop", "collect"];

/// A table of steps: once for the run, or summed over all cases with the median of one case.
pub fn timings(once: &[(&str, Duration)], ran: &Ran) -> String {
    let mut steps: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for evidence in ran.outcomes.iter().filter_map(|outcome| outcome.evidence.as_ref()) {
        for (step, micros) in &evidence.timings {
            steps.entry(step).or_default().push(*micros);
        }
    }
    let mut rows: Vec<Vec<String>> = once
        .iter()
        .map(|(step, took)| {
            vec![(*step).to_owned(), "1".into(), millis(took.as_micros()), String::new()]
        })
        .collect();
    for step in STEPS {
        let Some(times) = steps.get_mut(step) else { continue };
        times.sort_unstable();
        let sum: u64 = times.iter().sum();
        let median = times[times.len() / 2];
        rows.push(vec![
            step.to_owned(),
            times.len().to_string(),
            millis(u128::from(sum)),
            millis(u128::from(median)),
        ]);
    }
    table(&["step", "times", "sum ms", "median ms"], &rows)
}

fn millis(micros: u128) -> String {
    format!("{}.{}", micros / 1000, micros % 1000 / 100)
}
