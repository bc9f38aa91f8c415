//! Runs cases in parallel. Stops early if the service does not become ready in the first cases, because
//! all other cases would fail in the same way.

use std::collections::HashMap;

use tokio::task::{Id, JoinSet};

use super::attempt::run_case;
use super::event::{RunEvent, event};
use super::health::{RunEnd, run_end};
use super::options::RunOptions;
use super::record::RunRecord;
use super::result::{CaseOutcome, JudgedCase};
use crate::matrix::Case;
use crate::spec::Spec;
use crate::trial::{Progress, World};
use crate::verdict::Verdict;

/// Maximum number of ids in the list of cases that were not run.
const MAX_LISTED: usize = 20;

/// The cases of a run, with a slot for the outcome of each.
pub(super) struct Pool<'a> {
    pub(super) world: &'a World,
    pub(super) cases: &'a [Case],
    pub(super) options: &'a RunOptions,
    pub(super) record: &'a mut RunRecord,
    pub(super) slots: &'a mut [Option<CaseOutcome>],
}

impl Pool<'_> {
    /// Runs the cases with these indexes. Calls `on_event` when a case finishes.
    pub(super) async fn run(&mut self, indexes: Vec<usize>, on_event: &mut impl FnMut(RunEvent)) {
        let (spec, options) = (self.world.spec(), self.options);
        let mut waiting = indexes.into_iter();
        let mut running: JoinSet<CaseOutcome> = JoinSet::new();
        let mut indexes: HashMap<Id, (usize, Progress)> = HashMap::new();
        let mut cancelled = options.cancelled.clone();
        let mut run_end = std::pin::pin!(run_end(self.world.server(), options.deadline));
        loop {
            while running.len() < options.workers.max(1)
                && self.record.halted().is_none()
                && !*cancelled.borrow()
            {
                let Some(index) = waiting.next() else { break };
                let (case, world) = (self.cases[index].clone(), self.world.clone());
                let (options, progress) = (options.clone(), Progress::default());
                let shared = progress.clone();
                let task =
                    running.spawn(async move { run_case(&world, &case, &options, shared).await });
                indexes.insert(task.id(), (index, progress));
            }
            let next = tokio::select! {
                next = running.join_next_with_id() => next,
                _ = cancelled.wait_for(|cancelled| *cancelled) => None,
                why = &mut run_end, if !running.is_empty() => {
                    running.abort_all();
                    self.halt(why, std::mem::take(&mut indexes).into_values());
                    break;
                }
            };
            let (id, outcome) = match next {
                None => break,
                Some(Ok((id, outcome))) => (id, outcome),
                Some(Err(panic)) => (panic.id(), Err(panic.to_string())),
            };
            let Some((index, _)) = indexes.remove(&id) else { continue };
            on_event(event(spec, &self.cases[index], outcome.as_ref(), options.today));
            if let Err(cause) = &outcome {
                self.record.add_broken(&self.cases[index].id, cause);
            }
            self.slots[index] = Some(outcome);
            let halted = halt_reason(spec, self.cases, self.slots, options.workers);
            self.record.set_halted(halted);
        }
        running.shutdown().await;
    }

    /// Marks the running cases as broken, and halts the run. After a timeout, the reason of each case says
    /// what the case waited for.
    fn halt(&mut self, why: RunEnd, running: impl Iterator<Item = (usize, Progress)>) {
        for (index, progress) in running {
            let cause = match why {
                RunEnd::Server(failure) => failure.to_string(),
                RunEnd::TimedOut => format!("{why}; the case waited for {}", progress.awaited()),
            };
            self.record.add_broken(&self.cases[index].id, &cause);
            self.slots[index] = Some(Err(cause));
        }
        let left = self.cases.iter().zip(&*self.slots).filter(|(_, slot)| slot.is_none());
        let mut left: Vec<&str> = left.map(|(case, _)| case.id.as_str()).collect();
        let count = left.len();
        left.truncate(MAX_LISTED);
        let more = if count > MAX_LISTED { ", …" } else { "" };
        let cases = if count == 1 { "case was" } else { "cases were" };
        let rest = match count {
            0 => String::new(),
            _ => format!("; {count} {cases} not run: {}{more}", left.join(", ")),
        };
        self.record.set_halted(Some(format!("{why}{rest}")));
    }

    /// Selects the cases to run among those whose fault spanproof adds by itself, because the spec declares
    /// no such fault. Leaves out a case if the same case without the fault was selected and did not pass, or was
    /// not run, and records the reason.
    pub(super) fn select_experiments(
        &mut self,
        indexes: Vec<usize>,
        on_event: &mut impl FnMut(RunEvent),
    ) -> Vec<usize> {
        let (spec, cases) = (self.world.spec(), self.cases);
        let mut kept = Vec::new();
        for index in indexes {
            let base = cases[index].clone().with_fault(spec, None).id;
            let slot = cases.iter().position(|case| case.id == base).map(|base| &self.slots[base]);
            match slot.and_then(|slot| untried_cause(&base, slot.as_ref())) {
                None => kept.push(index),
                Some(cause) => {
                    self.record.add_untried(&cases[index].id, &cause);
                    on_event(RunEvent::CaseUntried { case: cases[index].clone() });
                }
            }
        }
        kept
    }
}

/// Returns why a case with a fault is not run after the same case without the fault, whose id is `base`; `None`
/// if it is run.
fn untried_cause(base: &str, outcome: Option<&CaseOutcome>) -> Option<String> {
    match outcome {
        Some(Ok(case)) if case.judgement.verdict == Verdict::Pass => None,
        Some(_) => Some(format!("case {base} does not pass without it")),
        None => Some(format!("case {base} was not run")),
    }
}

/// Returns the indexes of the cases in the order in which they start: first one case for each value
/// of the flag that switches tracing, then a second case for each value, and so on. So a failure with
/// only one of the values is seen early.
pub(super) fn start_order(spec: &Spec, cases: &[Case]) -> Vec<usize> {
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

/// Returns the reason why the run should stop; `None` if it should continue. A run stops if at least
/// `workers` cases have finished, with tracing on and with tracing off, and the service became ready in
/// none of them: all other cases would fail in the same way.
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
    if count == cases.len() {
        return Some(format!("the service became ready in none of the {count} cases"));
    }
    Some(format!(
        "the service became ready in none of the first {count} cases, so the other cases were not run"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_that_was_not_run_is_not_said_to_fail() {
        assert_eq!(untried_cause("a1", None).unwrap(), "case a1 was not run");
        let broken = Err("no server".to_owned());
        let cause = untried_cause("a1", Some(&broken)).unwrap();
        assert_eq!(cause, "case a1 does not pass without it");
    }

    #[test]
    fn a_run_in_which_no_case_is_left_does_not_claim_that_others_were_not_run() {
        let spec = crate::spec::example(|text| text);
        let cases = crate::matrix::cases(&spec).unwrap();
        let slots: Vec<Option<CaseOutcome>> = vec![Some(Err("no server".to_owned())); cases.len()];
        let reason = halt_reason(&spec, &cases, &slots, 2).unwrap();
        assert!(!reason.contains("not run"), "{reason}");
        let slots: Vec<_> = slots.into_iter().take(cases.len() - 1).chain([None]).collect();
        let reason = halt_reason(&spec, &cases, &slots, 2).unwrap();
        assert!(reason.ends_with("so the other cases were not run"), "{reason}");
    }
}
