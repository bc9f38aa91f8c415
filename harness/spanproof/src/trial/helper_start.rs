//! Starts helpers: processes that the service needs and that are not under test, such as a broker. A
//! helper belongs to one trial (one run of the service), or all trials share it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::processes::RunningProcess;
use super::resources::Resources;
use super::shared::SharedHelpers;
use super::values::Values;
use super::{Error, World};
use crate::matrix::Case;
use crate::spec::Process;

/// The database URL for helpers that all trials share. No such database exists: each trial has its own.
const NO_DATABASE: &str = "postgres://127.0.0.1/none";

/// Starts the helpers of a trial in the order of the spec. Before that, registers strings that only the
/// processes of this trial have in their environment: they show which daemons belong to the trial.
pub(super) async fn start_helpers(
    world: &World,
    case: &Case,
    database: &str,
    resources: &Arc<Resources>,
) -> Result<Vec<RunningProcess>, Error> {
    let values = Values::new(database, String::new(), 0, case, resources)?;
    resources.family.add_unique_marks(values.unique_marks());
    let rules = world.spec().processes.iter().filter(|rule| rule.helper && !rule.shared);
    let helpers = start(world, rules, &values).await?;
    if !helpers.is_empty() {
        resources.family.note_helper_processes();
    }
    Ok(helpers)
}

/// Starts the helpers that all trials share; `None` if there are none.
pub(super) async fn start_shared_helpers(
    world: &World,
) -> Result<Option<Arc<SharedHelpers>>, Error> {
    let spec = world.spec();
    if spec.shared_helpers().next().is_none() {
        return Ok(None);
    }
    let resources = Arc::new(Resources::for_shared_helpers(spec)?);
    let case = Case::default_of(spec);
    let values = Values::new(NO_DATABASE, String::new(), 0, &case, &resources)?;
    let running = start(world, spec.shared_helpers(), &values).await?;
    Ok(Some(Arc::new(SharedHelpers { running, resources })))
}

/// Starts helpers one after the other.
async fn start(
    world: &World,
    rules: impl Iterator<Item = &Process>,
    values: &Values,
) -> Result<Vec<RunningProcess>, Error> {
    let mut running = Vec::new();
    for rule in rules {
        let launch = world.launch_process(rule, values, &BTreeMap::new())?;
        let helper = RunningProcess::start_helper(rule, &launch, values).await;
        running.push(helper.map_err(|error| error.masked(world.spec()))?);
    }
    Ok(running)
}
