//! The helpers that all trials of a world share: they are started once.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::processes::{RunningProcess, stop_helpers};
use super::resources::Resources;
use super::values::Values;
use super::{Error, World};
use crate::matrix::Case;

/// A URL in the place of the database, which a shared helper can't use.
const NO_DATABASE: &str = "postgres://127.0.0.1/none";

/// The running helpers with their ports and folder.
#[derive(Debug)]
pub(super) struct SharedHelpers {
    running: Vec<RunningProcess>,
    resources: Arc<Resources>,
}

impl SharedHelpers {
    /// Starts the shared helpers in the order of the spec; `None` if there are none.
    pub(super) async fn start(world: &World) -> Result<Option<Arc<Self>>, Error> {
        let spec = world.spec();
        if spec.shared_helpers().next().is_none() {
            return Ok(None);
        }
        let resources = Arc::new(Resources::of_shared_helpers(spec)?);
        let case = Case::default_of(spec);
        let values = Values::new(NO_DATABASE, String::new(), 0, &case, &resources)?;
        let mut running = Vec::new();
        for rule in spec.shared_helpers() {
            let launch = world.launch_process(rule, &values, &BTreeMap::new())?;
            running.push(RunningProcess::start_helper(rule, &launch, &values).await?);
        }
        Ok(Some(Arc::new(Self { running, resources })))
    }

    /// Returns their ports and folder.
    pub(super) fn resources(&self) -> Arc<Resources> {
        Arc::clone(&self.resources)
    }

    /// Checks that all of them still run.
    pub(super) fn check_running(&self) -> Result<(), Error> {
        self.running.iter().try_for_each(RunningProcess::check_running)
    }

    /// Stops them in the reverse order of their start.
    pub(super) async fn stop(self) -> Result<(), Error> {
        stop_helpers(self.running).await.map(drop)
    }
}
