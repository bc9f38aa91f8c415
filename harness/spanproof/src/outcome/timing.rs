//! Where the time of a run goes.

use std::time::Duration;

use super::RunOutcome;

/// The steps of a trial, in their order.
const STEPS: [&str; 8] =
    ["clone", "upstream", "launch", "ready", "submit", "settle", "stop", "collect"];

/// The times of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timings {
    /// Steps that happen once in a run, with their times.
    pub once: Vec<(String, Duration)>,
    /// Steps of trials, in their order; a step that no trial had is missing.
    pub steps: Vec<StepTime>,
}

/// The time of one step in all trials together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepTime {
    /// The step.
    pub name: String,
    /// Trials that had it.
    pub count: usize,
    /// The sum over all trials.
    pub sum: Duration,
    /// The median of one trial.
    pub median: Duration,
}

impl Timings {
    /// Creates the timings of a run, `once` being what happens once in it.
    pub fn new(once: &[(&str, Duration)], run: &RunOutcome) -> Self {
        let once = once.iter().map(|(step, took)| ((*step).to_owned(), *took)).collect();
        let step = |name: &&str| {
            let times = run.cases.iter().filter_map(|case| case.timings.get(*name));
            StepTime::new(name, times.copied().collect())
        };
        Self { once, steps: STEPS.iter().filter_map(step).collect() }
    }
}

impl StepTime {
    /// Creates the time of a step from its microseconds in each trial; `None` if there are none.
    fn new(name: &str, mut micros: Vec<u64>) -> Option<Self> {
        micros.sort_unstable();
        let median = micros.get(micros.len() / 2).copied().map(Duration::from_micros)?;
        let sum = Duration::from_micros(micros.iter().sum());
        Some(Self { name: name.to_owned(), count: micros.len(), sum, median })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_has_its_sum_and_its_median() {
        let step = StepTime::new("ready", vec![9_000, 1_000, 2_000]).unwrap();
        let millis = (step.sum.as_millis(), step.median.as_millis());
        assert_eq!((step.name.as_str(), step.count, millis), ("ready", 3, (12, 2)));
        assert_eq!(StepTime::new("ready", Vec::new()), None);
    }
}
