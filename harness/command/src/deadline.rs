//! The time limit of a run.

use std::time::{Duration, Instant};

use spanproof_lease::wait;

use super::{Exit, Failure};

/// Time limit for background tasks to end after the last result.
pub(super) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// Waits for the end of the time limit of `--timeout`. `awaited` is what the run waits for.
pub(super) async fn time_over(deadline: Option<Instant>, awaited: &str) -> Failure {
    wait::time_over(deadline).await;
    let text = format!("the time limit of the run is over; it waited for {awaited}");
    Failure { exit: Exit::World, text }
}
