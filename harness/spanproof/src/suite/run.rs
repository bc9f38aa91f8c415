//! Runs cases in parallel, judges each case when it finishes, and then compares all cases. A case is
//! one combination of flags, route (way to submit a job), upstream, job and fault.

use std::path::PathBuf;

use super::baseline::repeat_baselines;
use super::event::RunEvent;
use super::flag_repetitions::{Repetitions, repeat_for_flags};
use super::health::run_end;
use super::longer_wait::wait_longer;
use super::options::RunOptions;
use super::own_server::repeat_alone;
use super::passing_changes::find_passing_changes;
use super::pool::{Pool, start_order};
use super::record::RunRecord;
use super::result::{CaseOutcome, RunResult, finished_cases};
use super::second_trial::run_second_trials;
use super::slowdown::measure_again;
use super::stored_run::remove_further_trials;
use crate::chain::chain;
use crate::matrix::Case;
use crate::observation;
use crate::trial::World;

/// Runs cases and judges them. Calls `on_event` when a case finishes.
///
/// # Errors
/// If `run.json` can't be written to the folder of the evidence.
pub async fn run(
    world: &World,
    cases: &[Case],
    options: RunOptions,
    mut on_event: impl FnMut(RunEvent),
) -> Result<RunResult, observation::Error> {
    let mut record = RunRecord::new(world.spec(), cases);
    record.write(&options.evidence)?;
    remove_further_trials(&options.evidence)?;
    let mut slots: Vec<Option<CaseOutcome>> = vec![None; cases.len()];
    let (experiments, declared): (Vec<usize>, Vec<usize>) = start_order(world.spec(), cases)
        .into_iter()
        .partition(|index| cases[*index].is_experiment(world.spec()));
    let mut pool = Pool { world, cases, options: &options, record: &mut record, slots: &mut slots };
    pool.run(declared, &mut on_event).await;
    let experiments = pool.select_experiments(experiments, &mut on_event);
    pool.run(experiments, &mut on_event).await;
    let cancelled = options.cancelled.clone();
    let mut repetitions = Repetitions::default();
    // A halted run needs no further trials, and they would replace its reason: if the time limit is over,
    // they end at once.
    if record.halted().is_none() {
        let further = further_trials(world, &mut slots, &options);
        tokio::select! {
            trials = Box::pin(further) => repetitions = trials,
            why = run_end(world.server(), options.deadline) => {
                record.set_halted(Some(format!(
                    "{why}; not all cases with unclear results were repeated"
                )));
            }
        }
    }
    let mut unwritten: Vec<String> =
        finished_cases(&slots).filter_map(|(_, judged)| judged.folder.clone().err()).collect();
    unwritten.append(&mut repetitions.write_errors);
    if let Err(error) = record.write(&options.evidence) {
        unwritten.push(chain(&error));
    }
    let mut result = RunResult::new(world.spec(), options.today, cases, slots, &record);
    (result.repetitions, result.unwritten) = (repetitions.observations, unwritten);
    if options.probe && result.halted.is_none() {
        let changes =
            find_passing_changes(world, cases, &mut result, &options.evidence, &cancelled);
        let end = tokio::select! {
            () = Box::pin(changes) => None,
            why = run_end(world.server(), options.deadline) => Some(why),
        };
        result.halted = end.map(|why| {
            format!("{why}; not all changes that may make failing cases pass were tried")
        });
    }
    let removed = find_removed(&result, &repetitions.folders);
    result.unwritten.extend(removed);
    Ok(result)
}

/// Returns a message for each folder of evidence that was written and no longer exists.
fn find_removed(result: &RunResult, repetitions: &[PathBuf]) -> Vec<String> {
    let cases = result.cases.iter().chain(&result.extra_cases);
    let folders = cases.filter_map(|case| case.folder.as_ref()).chain(repetitions);
    let removed = folders.filter(|folder| !observation::is_stored(folder));
    let text = |folder: &PathBuf| format!("`{}` was removed while spanproof ran", folder.display());
    removed.map(text).collect()
}

/// Repeats cases whose result is unclear after one trial. Returns the trials for the comparison of flags.
async fn further_trials(
    world: &World,
    slots: &mut [Option<CaseOutcome>],
    options: &RunOptions,
) -> Repetitions {
    let cancelled = &options.cancelled.clone();
    if !options.witness {
        run_second_trials(world, slots, options, cancelled).await;
    }
    wait_longer(world, slots, options, cancelled).await;
    repeat_alone(world, slots, options, cancelled).await;
    repeat_baselines(world, slots, options, cancelled).await;
    measure_again(world, slots, options, cancelled).await;
    if options.probe {
        return repeat_for_flags(world, slots, options, cancelled).await;
    }
    Repetitions::default()
}
