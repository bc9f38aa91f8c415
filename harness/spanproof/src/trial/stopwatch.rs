//! Measures how long each step of a trial (one run of the service) takes.

use std::collections::BTreeMap;
use std::time::Instant;

use super::progress::Progress;

/// Measures consecutive steps.
#[derive(Debug)]
pub(super) struct Stopwatch {
    last: Instant,
    progress: Progress,
    /// Microseconds of each step.
    pub(super) laps: BTreeMap<String, u64>,
}

impl Stopwatch {
    /// Starts a stopwatch that also reports each finished step to `progress`.
    pub(super) fn start(progress: Progress) -> Self {
        Self { last: Instant::now(), progress, laps: BTreeMap::new() }
    }

    /// Ends a step and starts the next. Steps with the same name are added up.
    pub(super) fn lap(&mut self, step: &str) {
        let elapsed = u64::try_from(self.last.elapsed().as_micros()).unwrap_or(u64::MAX);
        *self.laps.entry(step.to_owned()).or_default() += elapsed;
        self.last = Instant::now();
        self.progress.end_step(step);
    }

    /// Starts a step now, so that the time since the end of the last step counts for no step.
    pub(super) fn skip(&mut self) {
        self.last = Instant::now();
    }
}
