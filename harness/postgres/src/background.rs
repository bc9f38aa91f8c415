//! Work on files that goes on while a server is used already.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::Error;
use spanproof_lease::wait::nap;

/// Who can't wait in any other way blocks no longer than this.
const BLOCKED: Duration = Duration::from_secs(5);

/// Work that any number of others may wait for.
#[derive(Clone)]
pub(super) struct Background {
    failure: &'static str,
    begin: Arc<Mutex<Option<Begin>>>,
    ended: watch::Receiver<Option<Result<(), Arc<io::Error>>>>,
}

type Begin = Box<dyn FnOnce() + Send>;

impl Background {
    /// Begins it now; `failure` is what to say when it fails.
    pub(super) fn start(
        failure: &'static str,
        work: impl Future<Output = io::Result<()>> + Send + 'static,
    ) -> Self {
        let background = Self::later(failure, work);
        background.begin();
        background
    }

    /// Begins when somebody waits for it.
    pub(super) fn later(
        failure: &'static str,
        work: impl Future<Output = io::Result<()>> + Send + 'static,
    ) -> Self {
        let (sender, ended) = watch::channel(None);
        let runtime = Handle::current();
        let begin: Begin = Box::new(move || {
            runtime.spawn(async move {
                sender.send_replace(Some(work.await.map_err(Arc::new)));
            });
        });
        Self { failure, begin: Arc::new(Mutex::new(Some(begin))), ended }
    }

    /// Nothing is to be done.
    pub(super) fn none() -> Self {
        Self { failure: "", begin: Arc::default(), ended: watch::channel(Some(Ok(()))).1 }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it has failed.
    pub(super) async fn end(&self) -> Result<(), Error> {
        self.begin();
        let mut ended = self.ended.clone();
        let ended = match ended.wait_for(Option::is_some).await.as_deref() {
            // Each who waits gets the same error.
            Ok(Some(ended)) => ended.clone().map_err(|error| io::Error::new(error.kind(), error)),
            _ => Err(io::Error::other("it was cut off")),
        };
        ended.map_err(Error::system(self.failure))
    }

    /// Never begins it any more; waits for its end, if it has begun.
    pub(super) async fn settle(&self) {
        if self.waiting().take().is_none() {
            let _ended = self.end().await;
        }
    }

    /// As [`Background::end`], in a destructor.
    pub(super) fn block(&self) {
        let start = Instant::now();
        let goes_on = || self.ended.borrow().is_none() && self.ended.has_changed().is_ok();
        while goes_on() && start.elapsed() < BLOCKED {
            nap();
        }
    }

    fn begin(&self) {
        if let Some(begin) = self.waiting().take() {
            begin();
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Option<Begin>> {
        self.begin.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Background {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Background").field(&*self.ended.borrow()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::error::chain;

    #[tokio::test]
    async fn everybody_who_waits_is_told_how_it_ended() {
        assert!(Background::none().end().await.is_ok());
        let failing = Background::start("no copy", async { Err(io::Error::other("no room")) });
        for waiting in [failing.clone(), failing] {
            assert_eq!(chain(&waiting.end().await.unwrap_err()), "no copy: no room");
        }
    }

    #[tokio::test]
    async fn what_nobody_waited_for_is_never_begun_once_all_is_settled() {
        let begun = Arc::new(AtomicU32::new(0));
        let work = || {
            let begun = Arc::clone(&begun);
            Background::later("", async move {
                begun.fetch_add(1, Ordering::Relaxed);
                Ok(())
            })
        };
        let (wanted, unwanted) = (work(), work());
        wanted.end().await.unwrap();
        wanted.end().await.unwrap();
        wanted.settle().await;
        unwanted.settle().await;
        assert_eq!(begun.load(Ordering::Relaxed), 1);
        unwanted.end().await.unwrap_err();
    }

    #[test]
    fn a_destructor_waits_for_what_another_thread_does() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let done = Arc::new(AtomicU32::new(0));
        let doing = Arc::clone(&done);
        let background = runtime.block_on(async {
            Background::start("", async move {
                tokio::task::yield_now().await;
                doing.store(1, Ordering::Relaxed);
                Ok(())
            })
        });
        background.block();
        assert_eq!(done.load(Ordering::Relaxed), 1);
    }
}
