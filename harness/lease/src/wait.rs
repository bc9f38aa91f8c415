//! Waiting for a condition, with a deadline: the one place where time passes.
//!
//! A wait that gives up says what was awaited, for how long, and what was last seen.

use std::future::Future;
use std::time::{Duration, Instant};

/// The first nap between two looks; each following one is half as long again, up to a limit.
const FIRST: Duration = Duration::from_millis(1);
/// The longest nap between two looks.
const SLOWEST: Duration = Duration::from_millis(20);
/// The longest nap where somebody waits for each millisecond and a look costs next to nothing.
const CLOSE: Duration = Duration::from_millis(2);

/// A condition did not come true in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{awaited} did not happen within {} ms; last seen: {last}", .waited.as_millis())]
pub struct Overdue {
    /// What was awaited, as a noun phrase.
    pub awaited: String,
    /// How long it was awaited.
    pub waited: Duration,
    /// What the last look saw.
    pub last: String,
}

/// What one look at a condition found.
#[derive(Debug)]
pub enum Look<T> {
    /// The condition holds, with what it gives.
    Done(T),
    /// Not yet, with what was seen instead.
    NotYet(String),
}

/// Looks again and again until `look` is [`Look::Done`] or `within` has passed.
///
/// # Errors
/// [`Overdue`] when the time is up.
pub async fn until<T, F>(
    awaited: &str,
    within: Duration,
    look: impl FnMut() -> F,
) -> Result<T, Overdue>
where
    F: Future<Output = Look<T>>,
{
    watch(awaited, within, SLOWEST, look).await
}

/// Returns whether `event` happened, waiting for at most `within`.
pub async fn happens(within: Duration, event: impl Future<Output = ()>) -> bool {
    tokio::time::timeout(within, event).await.is_ok()
}

/// Does the same as [`until`], with at most two milliseconds between two looks: for conditions that
/// come true within tens of milliseconds.
///
/// # Errors
/// [`Overdue`] when the time is up.
pub async fn closely<T, F>(
    awaited: &str,
    within: Duration,
    look: impl FnMut() -> F,
) -> Result<T, Overdue>
where
    F: Future<Output = Look<T>>,
{
    watch(awaited, within, CLOSE, look).await
}

async fn watch<T, F>(
    awaited: &str,
    within: Duration,
    slowest: Duration,
    mut look: impl FnMut() -> F,
) -> Result<T, Overdue>
where
    F: Future<Output = Look<T>>,
{
    let start = Instant::now();
    let mut nap = FIRST;
    let mut last = String::from("nothing yet");
    loop {
        let left = within.saturating_sub(start.elapsed());
        match tokio::time::timeout(left, look()).await {
            Ok(Look::Done(value)) => return Ok(value),
            Ok(Look::NotYet(seen)) => last = seen,
            Err(_) => {}
        }
        if start.elapsed() >= within {
            return Err(Overdue { awaited: awaited.to_owned(), waited: within, last });
        }
        rest(nap.min(within.saturating_sub(start.elapsed()))).await;
        nap = (nap * 3 / 2).min(slowest);
    }
}

#[expect(clippy::disallowed_methods, reason = "the one nap: between two looks at a condition")]
async fn rest(nap: Duration) {
    tokio::time::sleep(nap).await;
}

/// Blocks the thread for a millisecond, between two looks at a dying process in a destructor, where
/// nothing can be awaited.
#[expect(clippy::disallowed_methods, reason = "destructors can't await; each use has a deadline")]
pub fn nap() {
    std::thread::sleep(Duration::from_millis(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_condition_that_holds_is_returned_at_once() {
        let got = until("the moon", Duration::from_secs(5), || async { Look::Done(7) }).await;
        assert_eq!(got, Ok(7));
    }

    #[tokio::test]
    async fn giving_up_says_what_was_awaited_and_last_seen() {
        let late = until("a row in `jobs`", Duration::from_millis(5), || async {
            Look::<()>::NotYet("0 rows".into())
        })
        .await
        .unwrap_err();
        assert_eq!(
            late.to_string(),
            "a row in `jobs` did not happen within 5 ms; last seen: 0 rows"
        );
    }

    #[tokio::test]
    async fn a_look_that_hangs_is_cut_off_by_the_deadline() {
        let late = until("an answer", Duration::from_millis(5), || async {
            std::future::pending::<()>().await;
            Look::Done(())
        })
        .await
        .unwrap_err();
        assert_eq!(late.last, "nothing yet");
    }
}
