//! Clones of one template, a database with all migrations applied. Some clones are created ahead of
//! demand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};

use super::Error;
use super::allocator::Allocator;

/// Maximum number of clones that are created at the same time. Two are faster than one; more than
/// two are hardly faster.
const CONCURRENT_CLONES: usize = 2;
/// Maximum number of clones that are ready ahead of demand; each takes as much room as the
/// template.
const MAX_READY: usize = 8;

/// Returns how many clones may be ready: two for each core, since usually one test runs on each
/// core, and soon needs its next clone.
fn ready_limit() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (2 * cores).min(MAX_READY)
}

/// The clones of one template.
#[derive(Debug)]
pub(super) struct Pool {
    template: String,
    state: Mutex<State>,
    /// The number of clones that are being created.
    pending: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    /// The names of clones that no caller has received yet.
    ready: VecDeque<String>,
    /// The callers that wait for a clone.
    waiting: VecDeque<oneshot::Sender<Result<String, Error>>>,
    /// The number of clones that are being created.
    pending: usize,
    ready_limit: usize,
    /// The number of requests so far.
    requests: usize,
    /// Whether creating a clone ahead of demand failed. Then the next clone is created on request.
    failed: bool,
    closed: bool,
}

impl State {
    /// Returns whether to create a clone now. After the first request no clone is created ahead of
    /// demand, after the second request one clone, and so on up to `ready_limit`. So a caller that
    /// needs only one clone does not pay for a second one.
    fn needs_clone(&self) -> bool {
        let ahead =
            if self.failed { 0 } else { self.requests.saturating_sub(1).min(self.ready_limit) };
        !self.closed
            && self.pending < CONCURRENT_CLONES
            && self.pending + self.ready.len() < self.waiting.len() + ahead
    }
}

impl Pool {
    /// Creates a pool, which may have a first clone already.
    pub(super) fn new(template: String, first: Option<String>) -> Self {
        let ready = first.into_iter().collect();
        let state = State { ready, ready_limit: ready_limit(), ..State::default() };
        Self { template, state: Mutex::new(state), pending: watch::Sender::new(0) }
    }

    /// Returns the name of a clone that no other caller gets.
    pub(super) async fn take(
        self: &Arc<Self>,
        allocator: &Arc<Allocator>,
    ) -> Result<String, Error> {
        let clone = {
            let mut state = self.state();
            state.requests += 1;
            state.failed = false;
            state.ready.pop_front().ok_or_else(|| {
                let (sender, receiver) = oneshot::channel();
                state.waiting.push_back(sender);
                receiver
            })
        };
        self.refill(allocator);
        match clone {
            Ok(name) => Ok(name),
            Err(receiver) => receiver.await.map_err(|_| Error::Closed)?,
        }
    }

    /// Stops creating clones, and waits for those that are being created.
    pub(super) async fn close(&self) {
        self.state().closed = true;
        let mut pending = self.pending.subscribe();
        let _ended = pending.wait_for(|pending| *pending == 0).await;
    }

    /// Starts to create as many clones as are needed.
    fn refill(self: &Arc<Self>, allocator: &Arc<Allocator>) {
        loop {
            {
                let mut state = self.state();
                if !state.needs_clone() {
                    return;
                }
                state.pending += 1;
                self.pending.send_replace(state.pending);
            }
            let (pool, allocator) = (Arc::clone(self), Arc::clone(allocator));
            tokio::spawn(async move {
                let clone = pool.create_clone(&allocator).await;
                pool.deliver(clone);
                pool.refill(&allocator);
                allocator.drop_due().await;
            });
        }
    }

    async fn create_clone(&self, allocator: &Allocator) -> Result<String, Error> {
        let _paused = allocator.pause_drops();
        let name = allocator.new_name("case");
        allocator.clone_database(&self.template, &name).await?;
        Ok(name)
    }

    /// Gives a clone to the caller that has waited longest, and skips callers that gave up.
    fn deliver(&self, mut clone: Result<String, Error>) {
        let mut state = self.state();
        state.pending -= 1;
        self.pending.send_replace(state.pending);
        while let Some(waiting) = state.waiting.pop_front() {
            match waiting.send(clone) {
                Ok(()) => return,
                Err(returned) => clone = returned,
            }
        }
        match clone {
            Ok(name) => state.ready.push_back(name),
            Err(_) => state.failed = true,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(requests: usize, ready: usize, waiting: usize, pending: usize) -> State {
        let waiting = (0..waiting).map(|_| oneshot::channel().0).collect();
        let ready = (0..ready).map(|number| number.to_string()).collect();
        State { ready, waiting, pending, requests, ready_limit: MAX_READY, ..State::default() }
    }

    #[test]
    fn one_request_creates_one_clone() {
        assert!(state(1, 0, 1, 0).needs_clone());
        assert!(!state(1, 0, 1, 1).needs_clone());
        assert!(!state(1, 0, 0, 0).needs_clone());
    }

    #[test]
    fn earlier_requests_set_the_number_of_ready_clones_up_to_a_limit() {
        assert!(state(3, 1, 0, 0).needs_clone());
        assert!(!state(3, 2, 0, 0).needs_clone());
        assert!(state(100, MAX_READY - 1, 0, 0).needs_clone());
        assert!(!state(100, MAX_READY, 0, 0).needs_clone());
        assert!(!state(100, 0, 9, CONCURRENT_CLONES).needs_clone(), "too many at a time");
    }

    #[test]
    fn after_a_failure_clones_are_created_for_waiting_callers_only() {
        assert!(!State { failed: true, ..state(9, 0, 0, 0) }.needs_clone());
        assert!(State { failed: true, ..state(9, 0, 1, 0) }.needs_clone());
        assert!(!State { closed: true, ..state(9, 0, 1, 0) }.needs_clone());
    }
}
