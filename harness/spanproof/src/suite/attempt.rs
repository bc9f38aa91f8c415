//! One case of a run: it is run and judged, and a second time with the server as a witness if that may
//! tell why it failed.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::options::{Keep, RunOptions};
use super::result::{Ended, JudgedCase};
use crate::chain::chain;
use crate::matrix::Case;
use crate::observation::{self, Observation};
use crate::trial::World;
use crate::verdict::{Experiment, Judgement, Verdict, explains, judge};
use spanproof_postgres::Database;

/// Second looks in one run: a few cases show what failing ones have in common.
const SECOND_LOOKS: usize = 8;

/// How many second looks a run has left.
#[derive(Debug)]
pub(super) struct Budget(AtomicUsize);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicUsize::new(SECOND_LOOKS))
    }
}

impl Budget {
    /// Takes one; `false` if none is left.
    fn take(&self) -> bool {
        let less = |left: usize| left.checked_sub(1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

/// One run of a case with its judgement, and its database as the service left it.
struct Attempt {
    observation: Observation,
    judgement: Judgement,
    database: Database,
}

/// Runs one case, judges it and stores what was observed.
pub(super) async fn run_case(
    world: &World,
    case: &Case,
    options: &RunOptions,
    budget: &Budget,
) -> Ended {
    let first = run_once(world, case, options.witness).await?;
    let Attempt { observation, judgement, database } = match first.judgement.next {
        Some(Experiment::Witness) if budget.take() => {
            more_telling(first, run_once(world, case, true).await.ok())
        }
        _ => first,
    };
    let folder = observation::write(&options.evidence, &observation);
    let folder = folder.map_err(|error| chain(&error))?;
    let keep = match options.keep {
        Keep::Nothing => false,
        Keep::Failing => judgement.verdict != Verdict::Pass,
        Keep::Everything => true,
    };
    let kept =
        if keep { Some(database.keep().await.map_err(|error| chain(&error))?) } else { None };
    Ok(JudgedCase { observation, judgement, folder, kept })
}

async fn run_once(world: &World, case: &Case, witness: bool) -> Result<Attempt, String> {
    let ran = world.trial_of(case).witness_if(witness).run_holding().await;
    let (observation, database) = ran.map_err(|error| chain(&error))?;
    let judgement = judge(world.spec(), &observation);
    Ok(Attempt { observation, judgement, database })
}

/// The second attempt if it explains what the first one saw, and the first one otherwise.
fn more_telling(first: Attempt, second: Option<Attempt>) -> Attempt {
    match second {
        Some(second) if explains(&second.judgement, &first.judgement) => second,
        _ => first,
    }
}
