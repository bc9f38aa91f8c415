//! File operations that run in the background while a server is already in use.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::Error;
use spanproof_lease::wait::block_until;

/// Longest wait in a destructor.
const BLOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// A task that any number of callers can wait for.
#[derive(Clone)]
pub(super) struct Background {
    /// The error message if the task fails.
    failure: &'static str,
    /// Starts the task; `None` if it was started or cancelled.
    start: Arc<Mutex<Option<StartFn>>>,
    result: watch::Receiver<Option<Result<(), Arc<io::Error>>>>,
}

type StartFn = Box<dyn FnOnce() + Send>;

impl Background {
    /// Starts a task. `failure` is the error message if it fails.
    pub(super) fn start(
        failure: &'static str,
        task: impl Future<Output = io::Result<()>> + Send + 'static,
    ) -> Self {
        let background = Self::lazy(failure, task);
        background.start_once();
        background
    }

    /// Creates a task that starts when a caller waits for it.
    pub(super) fn lazy(
        failure: &'static str,
        task: impl Future<Output = io::Result<()>> + Send + 'static,
    ) -> Self {
        let (sender, result) = watch::channel(None);
        let runtime = Handle::current();
        let start: StartFn = Box::new(move || {
            runtime.spawn(async move {
                sender.send_replace(Some(task.await.map_err(Arc::new)));
            });
        });
        Self { failure, start: Arc::new(Mutex::new(Some(start))), result }
    }

    /// Returns a task that has already succeeded.
    pub(super) fn done() -> Self {
        Self { failure: "", start: Arc::default(), result: watch::channel(Some(Ok(()))).1 }
    }

    /// Waits for the task, and starts it if necessary.
    ///
    /// # Errors
    /// If the task failed or was cancelled. Every caller gets the error.
    pub(super) async fn wait(&self) -> Result<(), Error> {
        self.start_once();
        let mut result = self.result.clone();
        let result = match result.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(result)) => result.clone().map_err(|error| io::Error::new(error.kind(), error)),
            _ => Err(io::Error::other("the operation was cancelled")),
        };
        result.map_err(Error::system(self.failure))
    }

    /// Cancels the task if it has not started; otherwise waits for it.
    pub(super) async fn cancel_or_wait(&self) {
        if self.start_fn().take().is_none() {
            let _result = self.wait().await;
        }
    }

    /// Blocks the thread until the task, which must have been started, ends; for at most five seconds.
    /// For destructors.
    pub(super) fn block(&self) {
        let has_ended = || self.result.borrow().is_some() || self.result.has_changed().is_err();
        block_until(BLOCK_TIMEOUT, has_ended);
    }

    fn start_once(&self) {
        if let Some(start) = self.start_fn().take() {
            start();
        }
    }

    fn start_fn(&self) -> std::sync::MutexGuard<'_, Option<StartFn>> {
        self.start.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Background {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Background").field(&*self.result.borrow()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::error::chain;

    #[tokio::test]
    async fn every_caller_gets_the_error() {
        let failing = Background::start("no copy", async { Err(io::Error::other("no room")) });
        for background in [failing.clone(), failing] {
            assert_eq!(chain(&background.wait().await.unwrap_err()), "no copy: no room");
        }
    }

    #[tokio::test]
    async fn a_lazy_task_runs_once_or_is_cancelled() {
        let runs = Arc::new(AtomicU32::new(0));
        let task = || {
            let runs = Arc::clone(&runs);
            Background::lazy("", async move {
                runs.fetch_add(1, Ordering::Relaxed);
                Ok(())
            })
        };
        let (awaited, cancelled) = (task(), task());
        awaited.wait().await.unwrap();
        awaited.wait().await.unwrap();
        awaited.cancel_or_wait().await;
        cancelled.cancel_or_wait().await;
        assert_eq!(runs.load(Ordering::Relaxed), 1);
        cancelled.wait().await.unwrap_err();
    }

    #[test]
    fn a_destructor_can_wait_for_a_task_on_another_thread() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let done = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&done);
        let background = runtime.block_on(async {
            Background::start("", async move {
                tokio::task::yield_now().await;
                counter.store(1, Ordering::Relaxed);
                Ok(())
            })
        });
        background.block();
        assert_eq!(done.load(Ordering::Relaxed), 1);
    }
}
