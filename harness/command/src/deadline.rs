//! The time limit of a run.

use std::time::Instant;

use spanproof_lease::wait::happens_within;

use super::{Exit, Failure};

/// Waits for the end of the time limit of `--timeout`. `awaited` is what the run waits for.
pub(super) async fn time_over(deadline: Option<Instant>, awaited: &str) -> Failure {
    match deadline {
        Some(deadline) => {
            let left = deadline.saturating_duration_since(Instant::now());
            let _waited = happens_within(left, std::future::pending()).await;
        }
        None => std::future::pending().await,
    }
    let text = format!("the time limit of the run is over; it waited for {awaited}");
    Failure { exit: Exit::World, text }
}
