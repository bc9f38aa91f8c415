//! Runs trials of several cases at the same time. A trial is one run of the service.

use std::future::Future;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::matrix::Case;

/// Runs a trial of each case with `start`, at most `workers` at the same time, in the order of the cases. Calls
/// `on_end` with the index and the result of each trial when it ends. Stops all trials when the run is cancelled.
pub(super) async fn run_trials<T, F>(
    cases: Vec<(usize, Case)>,
    workers: usize,
    cancelled: &watch::Receiver<bool>,
    start: impl Fn(Case) -> F,
    mut on_end: impl FnMut(usize, T),
) where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let (mut waiting, mut running) = (cases.into_iter(), JoinSet::new());
    loop {
        while running.len() < workers.max(1) && !*cancelled.borrow() {
            let Some((index, case)) = waiting.next() else { break };
            let trial = start(case);
            running.spawn(async move { (index, trial.await) });
        }
        let mut cancelled = cancelled.clone();
        let next = tokio::select! {
            next = running.join_next() => next,
            _ = cancelled.wait_for(|cancelled| *cancelled) => None,
        };
        match next {
            None => break,
            Some(Ok((index, result))) => on_end(index, result),
            // The task panicked, so the case keeps its first trial.
            Some(Err(_)) => {}
        }
    }
    running.shutdown().await;
}
