//! Stopping in two steps: take nothing new, then give up what is still running.

use tokio::sync::watch;

/// How far the stop has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// No stop is asked for.
    Running,
    /// Nothing new is begun; units in flight may finish.
    Draining,
    /// Units in flight are given up.
    Cancelled,
}

/// The view of everyone who has to stop.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<Phase>);

impl Stop {
    /// The one who says stop, and the view of it.
    pub(crate) fn channel() -> (watch::Sender<Phase>, Self) {
        let (sender, receiver) = watch::channel(Phase::Running);
        (sender, Self(receiver))
    }

    /// Whether a stop is asked for.
    pub(crate) fn asked(&self) -> bool {
        *self.0.borrow() > Phase::Running
    }

    /// Returns once the stop has come this far.
    pub(crate) async fn reached(&self, phase: Phase) {
        // An error means that the sender is gone: the app has ended, which is as far as it gets.
        drop(self.0.clone().wait_for(|current| *current >= phase).await);
    }
}
