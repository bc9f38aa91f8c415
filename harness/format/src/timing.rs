//! How long the steps of a run took.

use serde::{Deserialize, Serialize};

/// The durations of a run's steps. A trial is one start of the service for one case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Timings {
    /// Steps that happen once per run, each with its duration in microseconds.
    pub once: Vec<(String, u64)>,
    /// Steps that happen in each trial, in the order of a trial. A step that no trial reached is
    /// missing.
    pub steps: Vec<StepTime>,
}

/// The durations of one step in all trials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepTime {
    /// The step's name.
    pub name: String,
    /// The number of trials with this step.
    pub count: usize,
    /// The sum of the durations, in microseconds.
    pub sum_us: u64,
    /// The median of the durations, in microseconds.
    pub median_us: u64,
}

impl Timings {
    /// Creates the durations of a run's steps.
    pub fn new(once: Vec<(String, u64)>, steps: Vec<StepTime>) -> Self {
        Self { once, steps }
    }
}

impl StepTime {
    /// Creates a step from its durations in microseconds, one per trial; `None` without durations.
    pub fn new(name: impl Into<String>, mut micros: Vec<u64>) -> Option<Self> {
        micros.sort_unstable();
        let median_us = micros.get(micros.len() / 2).copied()?;
        let (count, sum_us) = (micros.len(), micros.iter().sum());
        Some(Self { name: name.into(), count, sum_us, median_us })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_computes_count_sum_and_median() {
        let step = StepTime::new("ready", vec![30, 10, 20]).unwrap();
        assert_eq!((step.count, step.sum_us, step.median_us), (3, 60, 20));
        assert_eq!(StepTime::new("ready", Vec::new()), None);
    }
}
