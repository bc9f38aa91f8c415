//! Shutdown in two steps: first the runner starts no new work, then it cancels the units that still
//! run. A unit is one question of a job for one model in one region.

use tokio::sync::watch;

/// A phase of the shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// No shutdown was requested.
    Running,
    /// No new work starts; running units continue.
    Draining,
    /// Running units are cancelled.
    Cancelled,
}

/// Receives the phase of the shutdown. Each task that must stop has a clone.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<Phase>);

impl Stop {
    /// Returns the sender of phases and a receiver.
    pub(crate) fn channel() -> (watch::Sender<Phase>, Self) {
        let (sender, receiver) = watch::channel(Phase::Running);
        (sender, Self(receiver))
    }

    /// Returns whether a shutdown was requested.
    pub(crate) fn is_requested(&self) -> bool {
        *self.0.borrow() > Phase::Running
    }

    /// Waits until the shutdown has reached this phase.
    pub(crate) async fn wait_for(&self, phase: Phase) {
        // If the sender was dropped, the app has ended, and waiting ends, too.
        drop(self.0.clone().wait_for(|current| *current >= phase).await);
    }
}
