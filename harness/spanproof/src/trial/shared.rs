//! The helpers that all trials (runs of the service) share. A helper is a process that the service needs,
//! such as a broker.

use std::sync::Arc;

use super::Error;
use super::processes::{RunningProcess, stop_helpers};
use super::resources::Resources;

/// The running helpers with their ports and folder.
#[derive(Debug)]
pub(super) struct SharedHelpers {
    pub(super) running: Vec<RunningProcess>,
    pub(super) resources: Arc<Resources>,
}

impl SharedHelpers {
    /// Checks that all helpers still run.
    pub(super) fn check_running(&self) -> Result<(), Error> {
        self.running.iter().try_for_each(RunningProcess::check_running)
    }

    /// Stops the helpers in the reverse order of their start.
    pub(super) async fn stop(self) -> Result<(), Error> {
        stop_helpers(self.running).await.map(drop)
    }
}
