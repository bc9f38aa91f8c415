//! Runs one case, judges it and stores its evidence. A case is one combination of flags, route, upstream, job
//! and fault; a trial is one run of the service for a case.

use std::time::Duration;

use super::health::broken_world;
use super::options::{KeepDatabases, RunOptions};
use super::result::{CaseOutcome, JudgedCase};
use crate::chain::chain;
use crate::matrix::Case;
use crate::observation::{self, Failure, Observation, unmasked_flags};
use crate::trial::{Progress, Timeouts, TrialBuilder, World};
use crate::verdict::{Judgement, Verdict, judge};
use spanproof_postgres::Database;

/// A judged trial of a case, and its database as the service left it.
pub(super) struct Attempt {
    pub(super) observation: Observation,
    pub(super) judgement: Judgement,
    /// Why the trial ran again; empty if it did not.
    retries: Vec<String>,
    database: Database,
}

/// Runs one case, judges it and stores its evidence. Reports its steps to `progress`.
pub(super) async fn run_case(
    world: &World,
    case: &Case,
    options: &RunOptions,
    progress: Progress,
) -> CaseOutcome {
    let case = unmasked_flags(world.spec(), case);
    let trial = world.trial_for(&case).witness_if(options.witness).progress(progress);
    let Attempt { observation, judgement, retries, database } = run_and_judge(world, trial).await?;
    let folder = observation::write(&options.evidence, &observation);
    let folder = folder.map_err(|error| chain(&error));
    let keep = match options.keep_databases {
        KeepDatabases::Never => false,
        KeepDatabases::OnFailure => judgement.verdict != Verdict::Pass,
        KeepDatabases::Always => true,
    };
    let database_command =
        if keep { Some(database.keep().await.map_err(|error| chain(&error))?) } else { None };
    Ok(JudgedCase { observation, judgement, folder, database_command, retries })
}

/// Runs one trial of a case and judges it. If the case comes from stored evidence, its secret flags are
/// masked; the service gets their real values from the spec.
///
/// # Errors
/// When the service, its database or its upstream can't be started, or when the case failed because of its
/// environment, such as a full disk. The error is the reason.
pub(super) async fn run_once(world: &World, case: &Case, witness: bool) -> Result<Attempt, String> {
    let case = unmasked_flags(world.spec(), case);
    run_and_judge(world, world.trial_for(&case).witness_if(witness)).await
}

/// Runs one trial of a case, and waits up to `flush` for its spans after the end of the job.
///
/// # Errors
/// When the service, its database or its upstream can't be started, or when the case failed because of its
/// environment, such as a full disk. The error is the reason.
pub(super) async fn run_waiting(
    world: &World,
    case: &Case,
    flush: Duration,
) -> Result<Attempt, String> {
    let case = unmasked_flags(world.spec(), case);
    let timeouts = Timeouts { flush: Some(flush), ..Timeouts::default() };
    run_and_judge(world, world.trial_for(&case).timeouts(timeouts)).await
}

/// Runs one trial of a case with the witness, which logs each attempt to insert a span. `background` are
/// errors in other databases of the server that also occur with tracing off, so they do not count as
/// evidence.
///
/// # Errors
/// When the service, its database or its upstream can't be started, or when the case failed because of its
/// environment, such as a full disk. The error is the reason.
pub(super) async fn run_witnessed(
    world: &World,
    case: &Case,
    background: Vec<Failure>,
) -> Result<Attempt, String> {
    let case = unmasked_flags(world.spec(), case);
    run_and_judge(world, world.trial_for(&case).witness().background(background)).await
}

async fn run_and_judge(world: &World, trial: TrialBuilder) -> Result<Attempt, String> {
    let progress = trial.own_progress();
    let (observation, database) =
        trial.run_keeping_database().await.map_err(|error| chain(&error))?;
    let judgement = judge(world.spec(), &observation);
    if matches!(judgement.verdict, Verdict::Fail(_) | Verdict::Notice(_)) {
        let broken = match progress.folder_problem() {
            Some(why) => Some(why),
            None => broken_world(world.server(), &database).await,
        };
        if let Some(why) = broken {
            return Err(why);
        }
    }
    Ok(Attempt { observation, judgement, retries: progress.retries(), database })
}
