//! The results of cases, and of a run of many cases.

use std::path::{Path, PathBuf};

use super::record::RunRecord;
use crate::chain::chain;
use crate::effect::{FlagEffects, flag_effects};
use crate::matrix::{Case, Change};
use crate::observation::{self, Observation, masked_case, spec_secrets};
use crate::spec::{Day, Spec};
use crate::verdict::{Judgement, apply_expected_rules, compare};

/// The result of one case.
#[derive(Debug, Clone)]
pub struct CaseResult {
    /// The case.
    pub case: Case,
    /// The judgement of the case.
    pub judgement: Judgement,
    /// The observation of the case; `None` if the service or its Postgres did not start.
    pub observation: Option<Observation>,
    /// The folder with the evidence; `None` if the service or its Postgres did not start, or the evidence
    /// could not be written.
    pub folder: Option<PathBuf>,
    /// The command that opens the database of the case; `None` if the database was not kept.
    pub database_command: Option<String>,
    /// Why the case ran again; empty if it did not.
    pub(crate) retries: Vec<String>,
}

#[cfg(test)]
impl CaseResult {
    /// Creates a result without evidence.
    pub(crate) fn without_evidence(case: Case, verdict: crate::verdict::Verdict) -> Self {
        Self {
            case,
            judgement: Judgement { verdict, ..Judgement::broken("") },
            observation: None,
            folder: None,
            database_command: None,
            retries: Vec::new(),
        }
    }
}

/// The results of a run.
#[derive(Debug, Clone, Default)]
pub struct RunResult {
    /// The results of the cases that finished, in the order of the plan.
    pub cases: Vec<CaseResult>,
    /// Number of cases that were not run because the run was cancelled or stopped early.
    pub not_run: usize,
    /// The cases that were not run and whose fault is not in the spec but was added by spanproof; each with
    /// the reason.
    pub(crate) untried: Vec<(Case, String)>,
    /// Why the run stopped early; `None` if it did not stop early.
    pub halted: Option<String>,
    /// Why evidence could not be written, or was removed during the run. The verdicts are not affected.
    pub unwritten: Vec<String>,
    /// The results of extra cases, which were run to find passing changes.
    pub(crate) extra_cases: Vec<CaseResult>,
    /// Further trials of cases, which show what differs from run to run by chance.
    pub(crate) repetitions: Vec<Observation>,
    /// Single changes that make failing cases pass.
    pub(crate) passing_changes: Vec<PassingChange>,
}

/// A single change that makes a failing case pass and record spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PassingChange {
    /// The id of the failing case.
    pub failing: String,
    /// The only difference between the two cases.
    pub change: Change,
    /// The id of the case with the change.
    pub passing: String,
    /// Number of spans that the case with the change recorded.
    pub spans: usize,
}

/// A case that was run and judged, or the reason why it is broken, for example because its service or Postgres
/// did not start.
pub(super) type CaseOutcome = Result<JudgedCase, String>;

/// A case that was run and judged, and not yet compared with other cases.
#[derive(Debug, Clone)]
pub(super) struct JudgedCase {
    pub(super) observation: Observation,
    pub(super) judgement: Judgement,
    /// The folder with the evidence, or the reason why the evidence could not be written.
    pub(super) folder: Result<PathBuf, String>,
    pub(super) database_command: Option<String>,
    /// Why the case ran again; empty if it did not.
    pub(super) retries: Vec<String>,
}

/// Returns the cases that ran and were judged, with their indexes.
pub(super) fn finished_cases(
    slots: &[Option<CaseOutcome>],
) -> impl Iterator<Item = (usize, &JudgedCase)> + Clone {
    let slots = slots.iter().enumerate();
    slots.filter_map(|(index, slot)| Some((index, slot.as_ref()?.as_ref().ok()?)))
}

impl JudgedCase {
    /// Writes the evidence of the case to its folder below `parent`. If this fails, the verdict stays.
    pub(super) fn store(&mut self, parent: &Path) {
        self.folder = observation::write(parent, &self.observation).map_err(|error| chain(&error));
    }

    /// Converts this case into a result, without comparing it with other cases.
    pub(super) fn into_result(self) -> CaseResult {
        let Self { observation, judgement, folder, database_command, retries } = self;
        CaseResult {
            // In the observation's copy of the case, secrets are masked.
            case: observation.case.clone(),
            judgement,
            observation: Some(observation),
            folder: folder.ok(),
            database_command,
            retries,
        }
    }
}

impl RunResult {
    /// Returns what the values of each flag do in the cases of this run and their repetitions.
    pub(crate) fn effects(&self, spec: &Spec) -> Vec<FlagEffects> {
        let cases = self.cases.iter().chain(&self.extra_cases);
        let observations = cases.filter_map(|result| result.observation.as_ref());
        let all: Vec<_> = observations.chain(&self.repetitions).collect();
        flag_effects(spec, &all)
    }

    /// Returns the number of extra cases that were run to find passing changes.
    pub fn extra_case_count(&self) -> usize {
        self.extra_cases.len()
    }

    /// Creates the results of a run. Compares the cases with each other and with the failures that
    /// the spec expects. `slots` has one entry per case, in the same order; `None` if the case was
    /// not run.
    pub(super) fn new(
        spec: &Spec,
        today: Day,
        cases: &[Case],
        slots: Vec<Option<CaseOutcome>>,
        record: &RunRecord,
    ) -> Self {
        let untried = untried(spec, cases, &slots, record);
        let is_untried = |case: &Case| untried.iter().any(|(other, _)| other.id == case.id);
        let (cases, slots): (Vec<&Case>, Vec<Option<CaseOutcome>>) =
            cases.iter().zip(slots).filter(|(case, _)| !is_untried(case)).unzip();
        let not_run = slots.iter().filter(|slot| slot.is_none()).count();
        let finished = cases.into_iter().zip(slots).filter_map(|(case, slot)| Some((case, slot?)));
        let mut results: Vec<CaseResult> = finished
            .map(|(case, outcome)| match outcome {
                Ok(judged) => judged.into_result(),
                Err(cause) => CaseResult {
                    case: masked_case(spec, case),
                    judgement: Judgement::broken(spec_secrets(spec).text(&cause)),
                    observation: None,
                    folder: None,
                    database_command: None,
                    retries: Vec::new(),
                },
            })
            .collect();
        let mut observations = Vec::new();
        let mut judgements = Vec::new();
        for result in &results {
            if let Some(observation) = &result.observation {
                observations.push(observation);
                judgements.push(result.judgement.clone());
            }
        }
        compare(spec, &observations, &mut judgements);
        let mut judgements = judgements.into_iter();
        for result in results.iter_mut().filter(|result| result.observation.is_some()) {
            if let Some(mut judgement) = judgements.next() {
                apply_expected_rules(spec, &result.case, &mut judgement, today);
                result.judgement = judgement;
            }
        }
        let halted = record.halted().map(str::to_owned);
        Self { cases: results, not_run, untried, halted, ..Self::default() }
    }
}

/// Returns the cases that were not run or whose fault could not be applied; each with the reason. Only cases
/// whose fault is not in the spec but was added by spanproof.
fn untried(
    spec: &Spec,
    cases: &[Case],
    slots: &[Option<CaseOutcome>],
    record: &RunRecord,
) -> Vec<(Case, String)> {
    let experiments = cases.iter().zip(slots).filter(|(case, _)| case.is_experiment(spec));
    let cause = |case: &Case, slot: &Option<CaseOutcome>| match slot {
        Some(Ok(_)) => None,
        Some(Err(cause)) => Some(cause.clone()),
        None => record.untried(&case.id).map(str::to_owned),
    };
    let untried = experiments.filter_map(|(case, slot)| Some((case.clone(), cause(case, slot)?)));
    untried.collect()
}
