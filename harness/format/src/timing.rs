//! The times of a run.

use serde::{Deserialize, Serialize};

/// The times of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Timings {
    /// Steps that happen once per run, in microseconds.
    pub once: Vec<(String, u64)>,
    /// Steps of trials, in order, without steps that no trial had.
    pub steps: Vec<StepTime>,
}

/// The time of one step in all trials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepTime {
    /// The step's name.
    pub name: String,
    /// The number of trials with this step.
    pub count: usize,
    /// The sum over all trials, in microseconds.
    pub sum_us: u64,
    /// The median, in microseconds.
    pub median_us: u64,
}

impl Timings {
    /// Creates the times of a run.
    pub fn new(once: Vec<(String, u64)>, steps: Vec<StepTime>) -> Self {
        Self { once, steps }
    }
}

impl StepTime {
    /// Creates the time of a step from its microseconds in each trial; `None` if the list is empty.
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
    fn a_step_has_count_sum_and_median() {
        let step = StepTime::new("ready", vec![30, 10, 20]).unwrap();
        assert_eq!((step.count, step.sum_us, step.median_us), (3, 60, 20));
        assert_eq!(StepTime::new("ready", Vec::new()), None);
    }
}
