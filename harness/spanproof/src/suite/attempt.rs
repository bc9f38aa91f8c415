//! Runs one case and judges it. If the case fails without an explanation, runs it again with the
//! database witness, which counts attempts to insert spans.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::options::{KeepDatabases, RunOptions};
use super::result::{CaseOutcome, JudgedCase};
use crate::chain::chain;
use crate::matrix::Case;
use crate::observation::{self, Observation};
use crate::trial::World;
use crate::verdict::{Experiment, Judgement, Verdict, explains, judge};
use spanproof_postgres::Database;

/// Maximum number of cases that one run repeats with the witness. A few are enough, because many
/// failing cases have the same reason.
const MAX_REPEATS: usize = 8;

/// The number of cases that a run may still repeat.
#[derive(Debug)]
pub(super) struct RepeatBudget(AtomicUsize);

impl Default for RepeatBudget {
    fn default() -> Self {
        Self(AtomicUsize::new(MAX_REPEATS))
    }
}

impl RepeatBudget {
    /// Uses up one repetition. Returns `false` if none is left.
    fn take(&self) -> bool {
        let decrement = |left: usize| left.checked_sub(1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, decrement).is_ok()
    }
}

/// A judged trial of a case, and its database as the service left it.
struct Attempt {
    observation: Observation,
    judgement: Judgement,
    database: Database,
}

/// Runs one case, judges it and stores its evidence.
pub(super) async fn run_case(
    world: &World,
    case: &Case,
    options: &RunOptions,
    budget: &RepeatBudget,
) -> CaseOutcome {
    let first = run_once(world, case, options.witness).await?;
    let Attempt { observation, judgement, database } = match first.judgement.next {
        Some(Experiment::Witness) if budget.take() => {
            prefer_explanation(first, run_once(world, case, true).await.ok())
        }
        _ => first,
    };
    let folder = observation::write(&options.evidence, &observation);
    let folder = folder.map_err(|error| chain(&error))?;
    let keep = match options.keep_databases {
        KeepDatabases::Never => false,
        KeepDatabases::OnFailure => judgement.verdict != Verdict::Pass,
        KeepDatabases::Always => true,
    };
    let database_command =
        if keep { Some(database.keep().await.map_err(|error| chain(&error))?) } else { None };
    Ok(JudgedCase { observation, judgement, folder, database_command })
}

/// Runs a case once and judges it.
async fn run_once(world: &World, case: &Case, witness: bool) -> Result<Attempt, String> {
    let trial = world.trial_for(case).witness_if(witness).run_keeping_database().await;
    let (observation, database) = trial.map_err(|error| chain(&error))?;
    let judgement = judge(world.spec(), &observation);
    Ok(Attempt { observation, judgement, database })
}

/// Returns the second attempt if it explains the failure of the first attempt, otherwise the first.
fn prefer_explanation(first: Attempt, second: Option<Attempt>) -> Attempt {
    match second {
        Some(second) if explains(&second.judgement, &first.judgement) => second,
        _ => first,
    }
}
