//! A sweep: runs the service with common spellings of the values of flags. A trial is one run of the service.

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::attempt::run_once;
use super::options::RunOptions;
use crate::chain::chain;
use crate::matrix::spelling_cases;
use crate::observation::{self, Observation};
use crate::trial::World;

/// Number of trials of each value that the spec lists for the flag. Three trials of each of two values are
/// enough to decide whether the service does different things with them.
const TRIALS: usize = 3;
/// Number of trials of each other spelling, which show what differs from run to run by chance.
const TRIALS_OF_SPELLING: usize = 2;

/// The trials of the spellings of one flag.
#[derive(Debug, Clone)]
pub struct SweepResult {
    /// The name of the flag.
    pub(crate) flag: String,
    /// The observations, in the order of the spellings.
    pub(crate) observations: Vec<Observation>,
    /// Why spellings could not be tried, or their evidence could not be written.
    pub(crate) errors: Vec<String>,
}

impl SweepResult {
    /// Runs the service with each spelling of the values of these flags, several times. Stores the evidence
    /// in a folder for each flag and each trial. Returns `None` if the sweep was cancelled, or if the spec
    /// lacks one of the flags.
    pub async fn run(world: &World, flags: &[&str], options: &RunOptions) -> Option<Vec<Self>> {
        let mut results = Vec::new();
        for name in flags {
            let flag = world.spec().flags.iter().find(|flag| flag.name == **name)?;
            let result =
                |observations, errors| Self { flag: (*name).to_owned(), observations, errors };
            match spelling_cases(world.spec(), flag) {
                Ok(cases) => {
                    let mut tasks = Vec::new();
                    for (place, case) in cases.into_iter().enumerate() {
                        let is_declared = flag.values.contains(&case.flag(name));
                        let trials = if is_declared { TRIALS } else { TRIALS_OF_SPELLING };
                        tasks.extend((1..=trials).map(|trial| (place, trial, case.clone())));
                    }
                    let folder = options.evidence.join(name);
                    let trials = Trials { world, workers: options.workers, folder };
                    let (observations, errors) = trials.run(tasks, &options.cancelled).await?;
                    results.push(result(observations, errors));
                }
                Err(error) => results.push(result(Vec::new(), vec![error])),
            }
        }
        Some(results)
    }

    /// Returns why spellings could not be tried, or evidence could not be written; empty if nothing failed.
    pub fn errors(&self) -> &[String] {
        &self.errors
    }
}

/// Runs trials and stores their evidence.
struct Trials<'a> {
    world: &'a World,
    workers: usize,
    folder: std::path::PathBuf,
}

impl Trials<'_> {
    /// Runs cases. Each task contains the case's position in the result, and the number of the trial. Returns
    /// `None` if the sweep was cancelled.
    async fn run(
        self,
        tasks: Vec<(usize, usize, crate::matrix::Case)>,
        cancelled: &watch::Receiver<bool>,
    ) -> Option<(Vec<Observation>, Vec<String>)> {
        let mut waiting = tasks.into_iter();
        let mut running = JoinSet::new();
        let (mut found, mut errors) = (Vec::new(), Vec::new());
        loop {
            while running.len() < self.workers.max(1) {
                let Some((place, trial, case)) = waiting.next() else { break };
                let world = self.world.clone();
                running.spawn(async move {
                    let result = run_once(&world, &case, false).await;
                    (place, trial, result.map(|attempt| attempt.observation))
                });
            }
            let mut cancelled = cancelled.clone();
            let next = tokio::select! {
                next = running.join_next() => next,
                _ = cancelled.wait_for(|cancelled| *cancelled) => return None,
            };
            match next {
                None => break,
                Some(Ok((place, trial, Ok(observation)))) => {
                    let folder = self.folder.join(trial.to_string());
                    if let Err(error) = observation::write(&folder, &observation) {
                        errors.push(chain(&error));
                    }
                    found.push((place, trial, observation));
                }
                Some(Ok((_, _, Err(error)))) => errors.push(error),
                Some(Err(panic)) => errors.push(panic.to_string()),
            }
        }
        found.sort_by_key(|(place, trial, _)| (*place, *trial));
        errors.sort_unstable();
        errors.dedup();
        Some((found.into_iter().map(|(_, _, observation)| observation).collect(), errors))
    }
}
