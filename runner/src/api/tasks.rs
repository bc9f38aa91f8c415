//! Work that a request began and the app owns: it outlives the request, and the stop waits for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::JoinSet;

/// The running tasks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl Tasks {
    /// Runs one more.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.lock();
        // Those that have ended are let go of.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Waits for all of them.
    pub(crate) async fn all(&self) {
        let mut tasks = std::mem::take(&mut *self.lock());
        while tasks.join_next().await.is_some() {}
    }

    fn lock(&self) -> MutexGuard<'_, JoinSet<()>> {
        // A set of tasks is whole even when someone panicked beside it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
