//! Runs cases in parallel, judges each case when it finishes, and then compares all cases. A case is
//! one combination of flags, route (way to submit a job), upstream, job and fault.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use tokio::task::{Id, JoinSet};

use super::attempt::run_case;
use super::baseline::repeat_baselines;
use super::options::RunOptions;
use super::passing_changes::find_passing_changes;
use super::record::RunRecord;
use super::result::{CaseOutcome, JudgedCase, RunResult};
use super::second_look::look_again;
use crate::matrix::Case;
use crate::observation;
use crate::spec::{Day, Spec};
use crate::trial::World;
use crate::verdict::{Verdict, expect, judge};

/// An event during a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEvent {
    /// A case finished. Its verdict may still change when all cases are compared.
    CaseFinished {
        /// The case.
        case: Case,
        /// `pass`, `known`, `skipped`, `broken`, or the first code of a failure.
        verdict: String,
        /// `false` if the case failed, or its service or Postgres did not start.
        passed: bool,
    },
}

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
    let mut waiting = start_order(world.spec(), cases).into_iter();
    let mut running: JoinSet<CaseOutcome> = JoinSet::new();
    let mut indexes: HashMap<Id, usize> = HashMap::new();
    let mut slots: Vec<Option<CaseOutcome>> = vec![None; cases.len()];
    let mut cancelled = options.cancelled.clone();
    loop {
        while running.len() < options.workers.max(1)
            && record.halted().is_none()
            && !*cancelled.borrow()
        {
            let Some(index) = waiting.next() else { break };
            let (case, world, options) = (cases[index].clone(), world.clone(), options.clone());
            let task = running.spawn(async move { run_case(&world, &case, &options).await });
            indexes.insert(task.id(), index);
        }
        let next = tokio::select! {
            next = running.join_next_with_id() => next,
            _ = cancelled.wait_for(|cancelled| *cancelled) => None,
        };
        let (id, outcome) = match next {
            None => break,
            Some(Ok((id, outcome))) => (id, outcome),
            Some(Err(panic)) => (panic.id(), Err(panic.to_string())),
        };
        let Some(index) = indexes.remove(&id) else { continue };
        on_event(event(world.spec(), &cases[index], outcome.as_ref(), options.today));
        if let Err(cause) = &outcome {
            record.add_broken(&cases[index].id, cause);
        }
        slots[index] = Some(outcome);
        record.set_halted(halt_reason(world.spec(), cases, &slots, options.workers));
    }
    running.shutdown().await;
    if !options.witness && record.halted().is_none() {
        look_again(world, &mut slots, &options, &cancelled).await;
    }
    if record.halted().is_none() {
        repeat_baselines(world, &mut slots, &options, &cancelled).await;
    }
    record.write(&options.evidence)?;
    let halted = record.halted().map(str::to_owned);
    let mut result = RunResult::new(world.spec(), options.today, cases, slots, halted);
    if options.probe && result.halted.is_none() {
        Box::pin(find_passing_changes(world, cases, &mut result, &options.evidence, &cancelled))
            .await;
    }
    Ok(result)
}

/// Returns the indexes of the cases in the order in which they start: first one case for each value
/// of the flag that switches tracing, then a second case for each value, and so on. So a failure with
/// only one of the values is seen early.
fn start_order(spec: &Spec, cases: &[Case]) -> Vec<usize> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut rounds: Vec<(usize, usize)> = cases
        .iter()
        .enumerate()
        .map(|(index, case)| {
            let value = spec.tracing_flag().map(|flag| case.flag(&flag.name).to_string());
            let round = counts.entry(value.unwrap_or_default()).or_default();
            *round += 1;
            (*round, index)
        })
        .collect();
    rounds.sort_unstable();
    rounds.into_iter().map(|(_, index)| index).collect()
}

/// Returns the event of a case that finished.
fn event(spec: &Spec, case: &Case, outcome: Result<&JudgedCase, &String>, today: Day) -> RunEvent {
    let verdict = outcome.map(|judged| {
        let mut judgement = judged.judgement.clone();
        expect(spec, &judged.observation.case, &mut judgement, today);
        judgement.verdict
    });
    let (verdict, passed) = match verdict {
        Ok(Verdict::Pass) => ("pass".to_owned(), true),
        Ok(Verdict::Fail(findings)) => {
            (findings.first().map(|f| f.code.to_string()).unwrap_or_default(), false)
        }
        Ok(Verdict::Broken(_)) | Err(_) => ("broken".to_owned(), false),
        Ok(Verdict::Known(_)) => ("known".to_owned(), true),
        Ok(Verdict::Skipped(_)) => ("skipped".to_owned(), true),
    };
    RunEvent::CaseFinished { case: case.clone(), verdict, passed }
}

/// Returns the reason why the run should stop; `None` if it should continue. A run stops if cases
/// with tracing on and with tracing off finished, and the service became ready in none of them. All
/// other cases would fail in the same way.
fn halt_reason(
    spec: &Spec,
    cases: &[Case],
    slots: &[Option<CaseOutcome>],
    workers: usize,
) -> Option<String> {
    let is_ready = |case: &JudgedCase| {
        case.observation.trial().is_some_and(|trial| trial.run.ready.is_reached())
    };
    let finished =
        || cases.iter().zip(slots).filter_map(|(case, slot)| Some((case, slot.as_ref()?)));
    let both_kinds = [true, false].into_iter().all(|records| {
        let exists = cases.iter().any(|case| case.records(spec) == records);
        !exists || finished().any(|(case, _)| case.records(spec) == records)
    });
    let count = finished().count();
    let any_ready = finished().any(|(_, outcome)| outcome.as_ref().is_ok_and(is_ready));
    if count < workers.max(2) || !both_kinds || any_ready {
        return None;
    }
    Some(format!(
        "the service became ready in none of the first {count} cases, so the other cases were not run"
    ))
}

/// Judges the stored evidence of a run again, without running anything. For a planned case without
/// evidence, `run.json` tells whether it was not run, or its service or Postgres did not start.
///
/// # Errors
/// If the folder has no evidence, or a file can't be read.
pub fn rejudge_run(
    spec: &Spec,
    folder: &Path,
    today: Day,
) -> Result<RunResult, observation::Error> {
    let read = |folder: PathBuf| -> Result<JudgedCase, observation::Error> {
        let observation = observation::read(&folder)?;
        let judgement = judge(spec, &observation);
        Ok(JudgedCase { observation, judgement, folder, database_command: None })
    };
    let Some(record) = RunRecord::read(folder)? else {
        let folders = observation::list(folder)?.into_iter();
        let judged = folders.map(read).collect::<Result<Vec<_>, _>>()?;
        let cases: Vec<_> = judged.iter().map(|one| one.observation.case.clone()).collect();
        let slots = judged.into_iter().map(|one| Some(Ok(one)));
        return Ok(RunResult::new(spec, today, &cases, slots.collect(), None));
    };
    let slot = |case: &Case| -> Result<Option<CaseOutcome>, observation::Error> {
        let folder = folder.join(&case.id);
        if let Some(cause) = record.broken(&case.id) {
            return Ok(Some(Err(cause.to_owned())));
        }
        if !folder.is_dir() {
            return Ok(None);
        }
        Ok(Some(Ok(read(folder)?)))
    };
    let planned = record.planned();
    let slots = planned.iter().map(slot).collect::<Result<Vec<_>, _>>()?;
    Ok(RunResult::new(spec, today, &planned, slots, record.halted().map(str::to_owned)))
}
