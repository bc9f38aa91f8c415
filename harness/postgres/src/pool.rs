//! Clones of one template, made ahead of demand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};

use super::Error;
use super::catalog::Catalog;

/// Clones that are made at once: the first two gain, further ones hardly do.
const MAKERS: usize = 2;
/// Most clones that are ready ahead of demand; each takes the room of the template.
const AHEAD: usize = 8;

/// As many tests run at once as there are cores, and each wants its next one before long.
fn ahead() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (2 * cores).min(AHEAD)
}

/// The clones of one template.
#[derive(Debug)]
pub(super) struct Pool {
    template: String,
    state: Mutex<State>,
    making: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    ready: VecDeque<String>,
    waiting: VecDeque<oneshot::Sender<Result<String, Error>>>,
    making: usize,
    /// Most clones that are made ahead.
    ahead: usize,
    /// The number of requests.
    asked: usize,
    /// The last one that was made ahead failed: no more of these until somebody asks.
    failed: bool,
    closed: bool,
}

impl State {
    /// Whether one more should be made now. Demand is followed: as many are kept ahead as were
    /// asked for before, so that who asks once does not pay for a second one.
    fn wants(&self) -> bool {
        let ahead = if self.failed { 0 } else { self.asked.saturating_sub(1).min(self.ahead) };
        !self.closed
            && self.making < MAKERS
            && self.making + self.ready.len() < self.waiting.len() + ahead
    }
}

impl Pool {
    /// `first` is a clone that is there already.
    pub(super) fn new(template: String, first: Option<String>) -> Self {
        let ready = first.into_iter().collect();
        let state = State { ready, ahead: ahead(), ..State::default() };
        Self { template, state: Mutex::new(state), making: watch::Sender::new(0) }
    }

    /// Takes a clone that nobody else gets.
    pub(super) async fn take(self: &Arc<Self>, catalog: &Arc<Catalog>) -> Result<String, Error> {
        let answer = {
            let mut state = self.state();
            state.asked += 1;
            state.failed = false;
            state.ready.pop_front().ok_or_else(|| {
                let (sender, answer) = oneshot::channel();
                state.waiting.push_back(sender);
                answer
            })
        };
        self.refill(catalog);
        match answer {
            Ok(name) => Ok(name),
            Err(answer) => answer.await.map_err(|_| Error::Closed)?,
        }
    }

    /// Stops making clones, and waits for those that are being made.
    pub(super) async fn close(&self) {
        self.state().closed = true;
        let mut making = self.making.subscribe();
        let _ended = making.wait_for(|making| *making == 0).await;
    }

    fn refill(self: &Arc<Self>, catalog: &Arc<Catalog>) {
        loop {
            {
                let mut state = self.state();
                if !state.wants() {
                    return;
                }
                state.making += 1;
                self.making.send_replace(state.making);
            }
            let (pool, catalog) = (Arc::clone(self), Arc::clone(catalog));
            tokio::spawn(async move {
                let made = pool.make(&catalog).await;
                pool.made(made);
                pool.refill(&catalog);
                catalog.tidy().await;
            });
        }
    }

    async fn make(&self, catalog: &Catalog) -> Result<String, Error> {
        let _busy = catalog.busy();
        let name = catalog.name("case");
        catalog.clone_of(&self.template, &name).await?;
        Ok(name)
    }

    /// Gives a clone to who waits longest; one who has given up meanwhile is passed over.
    fn made(&self, mut made: Result<String, Error>) {
        let mut state = self.state();
        state.making -= 1;
        self.making.send_replace(state.making);
        while let Some(waiting) = state.waiting.pop_front() {
            match waiting.send(made) {
                Ok(()) => return,
                Err(back) => made = back,
            }
        }
        match made {
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

    fn state(asked: usize, ready: usize, waiting: usize, making: usize) -> State {
        let waiting = (0..waiting).map(|_| oneshot::channel().0).collect();
        let ready = (0..ready).map(|number| number.to_string()).collect();
        State { ready, waiting, making, asked, ahead: AHEAD, ..State::default() }
    }

    #[test]
    fn who_asks_once_pays_for_one() {
        assert!(state(1, 0, 1, 0).wants());
        assert!(!state(1, 0, 1, 1).wants());
        assert!(!state(1, 0, 0, 0).wants());
    }

    #[test]
    fn as_many_are_ahead_as_were_asked_for_up_to_a_limit() {
        assert!(state(3, 1, 0, 0).wants());
        assert!(!state(3, 2, 0, 0).wants());
        assert!(state(100, AHEAD - 1, 0, 0).wants());
        assert!(!state(100, AHEAD, 0, 0).wants());
        assert!(!state(100, 0, 9, MAKERS).wants(), "no more makers than gain");
    }

    #[test]
    fn after_a_failure_only_who_waits_is_served() {
        assert!(!State { failed: true, ..state(9, 0, 0, 0) }.wants());
        assert!(State { failed: true, ..state(9, 0, 1, 0) }.wants());
        assert!(!State { closed: true, ..state(9, 0, 1, 0) }.wants());
    }
}
