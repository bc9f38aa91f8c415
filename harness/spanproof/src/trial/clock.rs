//! How long each step of a trial takes.

use std::collections::BTreeMap;
use std::time::Instant;

/// Measures one step after the other.
#[derive(Debug)]
pub(super) struct Clock {
    last: Instant,
    /// Microseconds by step.
    pub(super) laps: BTreeMap<String, u64>,
}

impl Clock {
    /// A clock that starts now.
    pub(super) fn start() -> Self {
        Self::after(BTreeMap::new())
    }

    /// A clock that starts now, after the steps of `laps`.
    pub(super) fn after(laps: BTreeMap<String, u64>) -> Self {
        Self { last: Instant::now(), laps }
    }

    /// Ends a step; a step that comes again is added up.
    pub(super) fn lap(&mut self, step: &str) {
        let took = u64::try_from(self.last.elapsed().as_micros()).unwrap_or(u64::MAX);
        *self.laps.entry(step.to_owned()).or_default() += took;
        self.last = Instant::now();
    }

    /// Starts a step: what came before it counts for none.
    pub(super) fn skip(&mut self) {
        self.last = Instant::now();
    }
}
