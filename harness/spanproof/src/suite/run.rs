//! Running cases side by side, each judged as it ends, and then all beside each other.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::{Id, JoinSet};

use super::attempt::{Budget, run_case};
use super::options::RunOptions;
use super::probe::probe;
use super::record::Record;
use super::result::{Ended, JudgedCase, RunResult};
use crate::matrix::Case;
use crate::observation;
use crate::spec::{Day, Spec};
use crate::trial::World;
use crate::verdict::{Verdict, expect, judge};

/// Something to tell whoever watches the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEvent {
    /// A case has ended; its own verdict, before it is compared with its peers.
    Ended {
        /// The case.
        case: Case,
        /// `pass`, a code or `broken`.
        verdict: String,
        /// Whether it passed.
        passed: bool,
    },
}

/// Runs cases and judges them.
///
/// # Errors
/// When the record of the run can't be written.
pub async fn run(
    world: &World,
    cases: &[Case],
    options: RunOptions,
    mut watch: impl FnMut(RunEvent),
) -> Result<RunResult, observation::Error> {
    let mut record = Record::new(world.spec(), cases);
    record.write(&options.evidence)?;
    let mut waiting = order(world.spec(), cases).into_iter();
    let mut running: JoinSet<Ended> = JoinSet::new();
    let mut places: HashMap<Id, usize> = HashMap::new();
    let mut slots: Vec<Option<Ended>> = vec![None; cases.len()];
    let mut cancelled = options.cancelled.clone();
    let budget = Arc::new(Budget::default());
    loop {
        while running.len() < options.workers.max(1)
            && record.halted().is_none()
            && !*cancelled.borrow()
        {
            let Some(at) = waiting.next() else { break };
            let (case, budget) = (cases[at].clone(), Arc::clone(&budget));
            let (world, options) = (world.clone(), options.clone());
            let task =
                running.spawn(async move { run_case(&world, &case, &options, &budget).await });
            places.insert(task.id(), at);
        }
        let next = tokio::select! {
            next = running.join_next_with_id() => next,
            _ = cancelled.wait_for(|cancelled| *cancelled) => None,
        };
        let (id, ended) = match next {
            None => break,
            Some(Ok((id, ended))) => (id, ended),
            Some(Err(panicked)) => (panicked.id(), Err(panicked.to_string())),
        };
        let Some(at) = places.remove(&id) else { continue };
        watch(event(world.spec(), &cases[at], ended.as_ref(), options.today));
        if let Err(cause) = &ended {
            record.add_broken(&cases[at].id, cause);
        }
        slots[at] = Some(ended);
        record.set_halted(never_up(world.spec(), cases, &slots, options.workers));
    }
    running.shutdown().await;
    record.write(&options.evidence)?;
    let halted = record.halted().map(str::to_owned);
    let mut ran = RunResult::new(world.spec(), options.today, cases, slots, halted);
    if options.probe && ran.halted.is_none() {
        Box::pin(probe(world, cases, &mut ran, &options.evidence, &cancelled)).await;
    }
    Ok(ran)
}

/// The order in which cases are started: every value of the tracing flag in turn, so that a
/// service which fails under one value only is seen beside the others early on.
fn order(spec: &Spec, cases: &[Case]) -> Vec<usize> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut turns: Vec<(usize, usize)> = cases
        .iter()
        .enumerate()
        .map(|(at, case)| {
            let value = spec.tracing_flag().map(|flag| case.flag(&flag.name).to_string());
            let turn = seen.entry(value.unwrap_or_default()).or_default();
            *turn += 1;
            (*turn, at)
        })
        .collect();
    turns.sort_unstable();
    turns.into_iter().map(|(_, at)| at).collect()
}

/// The event of a case that has ended, with its own verdict: it is compared with others later.
fn event(spec: &Spec, case: &Case, ended: Result<&JudgedCase, &String>, today: Day) -> RunEvent {
    let verdict = ended.map(|ended| {
        let mut judgement = ended.judgement.clone();
        expect(spec, &ended.observation.case, &mut judgement, today);
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
    RunEvent::Ended { case: case.clone(), verdict, passed }
}

/// When none of the first cases came up, with tracing on and with tracing off, the others will not
/// either: going on would only take time.
fn never_up(
    spec: &Spec,
    cases: &[Case],
    slots: &[Option<Ended>],
    workers: usize,
) -> Option<String> {
    let ready =
        |ended: &JudgedCase| ended.observation.trial().is_some_and(|trial| trial.run.ready.yes());
    let up = |ended: &Ended| ended.as_ref().is_ok_and(ready);
    let records = |case: &Case| case.records(spec);
    let ended = || cases.iter().zip(slots).filter_map(|(case, slot)| Some((case, slot.as_ref()?)));
    let all_kinds = [true, false].into_iter().all(|kind| {
        let wanted = cases.iter().any(|case| records(case) == kind);
        !wanted || ended().any(|(case, _)| records(case) == kind)
    });
    let count = ended().count();
    if count < workers.max(2) || !all_kinds || ended().any(|(_, ended)| up(ended)) {
        return None;
    }
    Some(format!("none of the first {count} cases came up, so the others were not run"))
}

/// Judges stored evidence again, without running anything. Cases that were planned and left no
/// evidence are broken or not run, as they were.
///
/// # Errors
/// When there is no evidence, or some can't be read.
pub fn rejudge_run(
    spec: &Spec,
    parent: &Path,
    today: Day,
) -> Result<RunResult, observation::Error> {
    let read = |folder: PathBuf| -> Result<JudgedCase, observation::Error> {
        let observation = observation::read(&folder)?;
        let judgement = judge(spec, &observation);
        Ok(JudgedCase { observation, judgement, folder, kept: None })
    };
    let Some(record) = Record::read(parent)? else {
        let folders = observation::list(parent)?.into_iter();
        let found = folders.map(read).collect::<Result<Vec<_>, _>>()?;
        let cases: Vec<_> = found.iter().map(|one| one.observation.case.clone()).collect();
        let slots = found.into_iter().map(|judged| Some(Ok(judged)));
        return Ok(RunResult::new(spec, today, &cases, slots.collect(), None));
    };
    let slot = |case: &Case| -> Result<Option<Ended>, observation::Error> {
        let folder = parent.join(&case.id);
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
