//! How often `watch` polls a database that others work on.

use std::time::Duration;

/// Polling interval while rows change.
const ACTIVE: Duration = Duration::from_millis(250);
/// Longest polling interval while no row changes.
const IDLE: Duration = Duration::from_secs(2);
/// Shortest time between two polls, however many notifications arrive.
const SHORTEST: Duration = Duration::from_millis(50);
/// After a poll that took *t*, the next one waits at least `BACKOFF × t`.
const BACKOFF: u32 = 4;

/// The time between two polls: longer while nothing changes, and on a slow connection.
#[derive(Debug)]
pub(super) struct Interval {
    current: Duration,
    backoff: Duration,
}

impl Interval {
    pub(super) fn new() -> Self {
        Self { current: ACTIVE, backoff: Duration::ZERO }
    }

    /// Notes how long a poll took.
    pub(super) fn polled(&mut self, took: Duration) {
        self.backoff = took * BACKOFF;
    }

    /// The shortest time until the next poll, also after a notification.
    pub(super) fn shortest(&self) -> Duration {
        SHORTEST.max(self.backoff)
    }

    /// The time until the next poll, after one that found changes or none.
    pub(super) fn next(&mut self, changed: bool) -> Duration {
        self.current = if changed { ACTIVE } else { (self.current * 2).min(IDLE) };
        self.current.max(self.backoff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_while_nothing_changes_and_after_a_slow_poll() {
        let mut interval = Interval::new();
        let next = [false, false, false, false, true].map(|changed| interval.next(changed));
        assert_eq!(next.map(|time| time.as_millis()), [500, 1000, 2000, 2000, 250]);
        interval.polled(Duration::from_millis(100));
        assert_eq!((interval.shortest().as_millis(), interval.next(true).as_millis()), (400, 400));
    }
}
