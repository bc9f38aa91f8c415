//! Waiting for a condition, with a deadline. No other module sleeps.
//!
//! A wait that times out reports what it waited for, how long, and what it saw last.

use std::future::Future;
use std::time::{Duration, Instant};

/// First polling interval. Each following interval is 1.5 times as long, up to a limit.
const FIRST_INTERVAL: Duration = Duration::from_millis(1);
/// Longest polling interval of [`until`].
const LONGEST_INTERVAL: Duration = Duration::from_millis(20);
/// Longest polling interval of [`until_soon`].
const SHORT_INTERVAL: Duration = Duration::from_millis(2);

/// A condition did not come true in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{awaited} did not happen within {} ms; last seen: {last_seen}", .waited.as_millis())]
pub struct Timeout {
    /// What was awaited, as a noun phrase.
    pub awaited: String,
    /// How long the wait lasted.
    pub waited: Duration,
    /// What the last attempt saw.
    pub last_seen: String,
}

/// The result of checking a condition once.
#[derive(Debug)]
pub enum Attempt<T> {
    /// The condition is true; this value is returned to the caller.
    Done(T),
    /// The condition is not true yet; the text describes what was seen instead.
    NotYet(String),
}

/// Calls `attempt` until it returns [`Attempt::Done`] or `limit` has passed: every 20 ms, and more
/// often at first.
///
/// # Errors
/// [`Timeout`] if `limit` has passed.
pub async fn until<T, F>(
    awaited: &str,
    limit: Duration,
    attempt: impl FnMut() -> F,
) -> Result<T, Timeout>
where
    F: Future<Output = Attempt<T>>,
{
    poll(awaited, limit, LONGEST_INTERVAL, attempt).await
}

/// Like [`until`], but polls every 2 ms: for conditions that are cheap to check and come true within
/// tens of milliseconds.
///
/// # Errors
/// [`Timeout`] if `limit` has passed.
pub async fn until_soon<T, F>(
    awaited: &str,
    limit: Duration,
    attempt: impl FnMut() -> F,
) -> Result<T, Timeout>
where
    F: Future<Output = Attempt<T>>,
{
    poll(awaited, limit, SHORT_INTERVAL, attempt).await
}

/// Waits for `event` and returns `true`, or `false` if `limit` passes first.
pub async fn happens_within(limit: Duration, event: impl Future<Output = ()>) -> bool {
    tokio::time::timeout(limit, event).await.is_ok()
}

/// Waits until `deadline`; forever if it is `None`.
pub async fn time_over(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// Blocks the thread until `condition` is true and returns `true`, or `false` if `limit` passes
/// first. Polls every millisecond. For destructors, which can't await.
#[expect(clippy::disallowed_methods, reason = "destructors can't await; the limit is a deadline")]
pub fn block_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !condition() {
        if start.elapsed() >= limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

async fn poll<T, F>(
    awaited: &str,
    limit: Duration,
    longest_interval: Duration,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Timeout>
where
    F: Future<Output = Attempt<T>>,
{
    let start = Instant::now();
    let mut interval = FIRST_INTERVAL;
    let mut last_seen = String::from("the first check has not ended");
    loop {
        let left = limit.saturating_sub(start.elapsed());
        match tokio::time::timeout(left, attempt()).await {
            Ok(Attempt::Done(value)) => return Ok(value),
            Ok(Attempt::NotYet(seen)) => last_seen = seen,
            Err(_) => {}
        }
        if start.elapsed() >= limit {
            return Err(Timeout { awaited: awaited.to_owned(), waited: limit, last_seen });
        }
        sleep(interval.min(limit.saturating_sub(start.elapsed()))).await;
        interval = (interval * 3 / 2).min(longest_interval);
    }
}

#[expect(clippy::disallowed_methods, reason = "the pause between two attempts, before a deadline")]
async fn sleep(interval: Duration) {
    tokio::time::sleep(interval).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn returns_at_once_if_the_condition_is_true() {
        let value =
            until("a condition", Duration::from_secs(5), || async { Attempt::Done(7) }).await;
        assert_eq!(value, Ok(7));
    }

    #[tokio::test]
    async fn a_timeout_reports_what_was_awaited_and_last_seen() {
        let timeout = until("a row in `jobs`", Duration::from_millis(5), || async {
            Attempt::<()>::NotYet("0 rows".into())
        })
        .await
        .unwrap_err();
        assert_eq!(
            timeout.to_string(),
            "a row in `jobs` did not happen within 5 ms; last seen: 0 rows"
        );
    }

    #[tokio::test]
    async fn the_deadline_cuts_off_an_attempt_that_hangs() {
        let timeout = until("an answer", Duration::from_millis(5), || async {
            std::future::pending::<()>().await;
            Attempt::Done(())
        })
        .await
        .unwrap_err();
        assert_eq!(timeout.last_seen, "the first check has not ended");
    }

    #[test]
    fn block_until_returns_whether_the_condition_came_true() {
        let mut calls = 0;
        let third = || {
            calls += 1;
            calls == 3
        };
        assert!(block_until(Duration::from_secs(5), third));
        assert!(!block_until(Duration::from_millis(3), || false));
    }
}
