//! The polling interval of `watch`.

use std::time::Duration;

/// Polling interval while rows change.
const ACTIVE: Duration = Duration::from_millis(250);
/// Maximum polling interval while no row changes.
const IDLE: Duration = Duration::from_secs(2);
/// Minimum time between two polls, even if the database sends notifications.
const MIN: Duration = Duration::from_millis(50);
/// After a poll that took *t*, the next one waits at least `BACKOFF × t`.
const BACKOFF: u32 = 4;

/// The time between two polls. It grows while nothing changes, and after slow polls.
#[derive(Debug)]
pub(super) struct Interval {
    /// The time between two fast polls: [`ACTIVE`] to [`IDLE`].
    current: Duration,
    /// The minimum time after the last poll, because that poll was slow.
    backoff: Duration,
}

impl Interval {
    pub(super) fn new() -> Self {
        Self { current: ACTIVE, backoff: Duration::ZERO }
    }

    /// Records how long a poll took.
    pub(super) fn record_poll(&mut self, elapsed: Duration) {
        self.backoff = elapsed * BACKOFF;
    }

    /// Returns the minimum time between two polls, even if a notification arrives.
    pub(super) fn min(&self) -> Duration {
        MIN.max(self.backoff)
    }

    /// Returns the time until the next poll. `changed` is whether the last poll found changes.
    pub(super) fn next(&mut self, changed: bool) -> Duration {
        self.current = if changed { ACTIVE } else { (self.current * 2).min(IDLE) };
        self.current.max(self.backoff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_grows_while_nothing_changes_and_after_a_slow_poll() {
        let mut interval = Interval::new();
        let next = [false, false, false, false, true].map(|changed| interval.next(changed));
        assert_eq!(next.map(|time| time.as_millis()), [500, 1000, 2000, 2000, 250]);
        interval.record_poll(Duration::from_millis(100));
        assert_eq!((interval.min().as_millis(), interval.next(true).as_millis()), (400, 400));
    }
}
