//! The results of cases and of a run.

use std::path::PathBuf;

use crate::matrix::{Case, Change};
use crate::observation::{Observation, masked_case};
use crate::spec::{Day, Spec};
use crate::verdict::{Judgement, compare, expect};

/// The result of one case.
#[derive(Debug, Clone)]
pub struct CaseResult {
    /// The case.
    pub case: Case,
    /// Its judgement.
    pub judgement: Judgement,
    /// What was observed; `None` if the world did not come up.
    pub observation: Option<Observation>,
    /// The folder with its evidence.
    pub folder: Option<PathBuf>,
    /// A command that opens its database, if that was kept.
    pub kept: Option<String>,
}

/// The results of a run.
#[derive(Debug, Clone, Default)]
pub struct RunResult {
    /// One outcome per case that was started, in the order of the cases.
    pub outcomes: Vec<CaseResult>,
    /// Cases that were not run, because the run was cancelled or could not go on.
    pub not_run: usize,
    /// Why the run could not go on.
    pub halted: Option<String>,
    /// Extra cases that were run to find out what matters.
    pub(crate) probes: Vec<CaseResult>,
    /// What alone makes failing cases pass.
    pub(crate) counterfactuals: Vec<Counterfactual>,
}

/// One change by which a failing case passes and records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counterfactual {
    /// The failing case.
    pub of: String,
    /// What differs, and nothing else.
    pub change: Change,
    /// The case with the change.
    pub case: String,
    /// How many spans it has.
    pub spans: usize,
}

/// A case that was run and judged by itself, or why its world did not come up.
pub(super) type Ended = Result<JudgedCase, String>;

/// A case that was run and judged by itself.
#[derive(Debug, Clone)]
pub(super) struct JudgedCase {
    pub(super) observation: Observation,
    pub(super) judgement: Judgement,
    pub(super) folder: PathBuf,
    pub(super) kept: Option<String>,
}

impl JudgedCase {
    /// The outcome of a case that is not compared with others.
    pub(super) fn into_result(self) -> CaseResult {
        let Self { observation, judgement, folder, kept } = self;
        CaseResult {
            // The case as the observation has it: with its secrets masked.
            case: observation.case.clone(),
            judgement,
            observation: Some(observation),
            folder: Some(folder),
            kept,
        }
    }
}

impl RunResult {
    /// How many extra cases were run to find out what matters.
    pub fn extra_cases(&self) -> usize {
        self.probes.len()
    }

    /// Compares the cases of a run with each other, and with the failures that are known. `slots`
    /// stand where their cases stand; one that is empty was not run.
    pub(super) fn new(
        spec: &Spec,
        today: Day,
        cases: &[Case],
        slots: Vec<Option<Ended>>,
        halted: Option<String>,
    ) -> Self {
        let not_run = slots.iter().filter(|slot| slot.is_none()).count();
        let ended = cases.iter().zip(slots).filter_map(|(case, slot)| Some((case, slot?)));
        let mut outcomes: Vec<CaseResult> = ended
            .map(|(case, ended)| match ended {
                Ok(judged) => judged.into_result(),
                Err(cause) => {
                    let (case, judgement) = (masked_case(spec, case), Judgement::broken(cause));
                    CaseResult { case, judgement, observation: None, folder: None, kept: None }
                }
            })
            .collect();
        let mut observations = Vec::new();
        let mut judgements = Vec::new();
        for outcome in &mut outcomes {
            if let Some(observation) = &outcome.observation {
                observations.push(observation);
                judgements.push(outcome.judgement.clone());
            }
        }
        compare(spec, &observations, &mut judgements);
        let mut judgements = judgements.into_iter();
        for outcome in outcomes.iter_mut().filter(|outcome| outcome.observation.is_some()) {
            if let Some(mut judgement) = judgements.next() {
                expect(spec, &outcome.case, &mut judgement, today);
                outcome.judgement = judgement;
            }
        }
        Self { outcomes, not_run, halted, ..Self::default() }
    }
}
