//! Where the time of a run goes.

use serde::{Deserialize, Serialize};

/// The times of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Timings {
    /// Steps that happen once in a run, each with its microseconds.
    pub once: Vec<(String, u64)>,
    /// Steps of trials, in order; a step that no trial had is missing.
    pub steps: Vec<StepTime>,
}

/// The time of one step in all trials together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepTime {
    /// The step.
    pub name: String,
    /// Trials that had it.
    pub count: usize,
    /// Microseconds in all trials together.
    pub sum_us: u64,
    /// Median of the microseconds of one trial.
    pub median_us: u64,
}

impl Timings {
    /// Creates the times of a run.
    pub fn new(once: Vec<(String, u64)>, steps: Vec<StepTime>) -> Self {
        Self { once, steps }
    }
}

impl StepTime {
    /// Creates the time of a step from its microseconds in each trial; `None` if there are none.
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
    fn a_step_has_its_count_its_sum_and_its_median() {
        let step = StepTime::new("ready", vec![30, 10, 20]).unwrap();
        assert_eq!((step.count, step.sum_us, step.median_us), (3, 60, 20));
        assert_eq!(StepTime::new("ready", Vec::new()), None);
    }
}
