//! Counterfactuals: for a failing case, what alone would make its spans appear. What no case of
//! the run tells is tried, within a budget.

use std::path::Path;

use tokio::sync::watch;

use super::result::{CaseResult, Counterfactual, JudgedCase, RunResult};
use crate::matrix::{Case, neighbours};
use crate::observation;
use crate::trial::World;
use crate::verdict::{Judged, Verdict, observe};
use spanproof_format::Code;

/// Extra cases of one run.
const BUDGET: usize = 12;
/// Changes that are told about one failure.
const TOLD: usize = 3;
/// The folder of the extra cases' evidence, in that of the run.
pub(super) const FOLDER: &str = "probes";

/// Looks for counterfactuals of each kind of failure, and runs extra cases for it. `cases` are as
/// they were before anything in them was masked.
pub(super) async fn probe(
    world: &World,
    cases: &[Case],
    ran: &mut RunResult,
    folder: &Path,
    cancelled: &watch::Receiver<bool>,
) {
    let mut left = BUDGET;
    for (id, codes) in representatives(ran) {
        let Some(case) = cases.iter().find(|case| case.id == id) else { continue };
        let mut told = 0;
        for (change, other) in neighbours(world.spec(), case, about_spelling(&codes)) {
            if told == TOLD || *cancelled.borrow() {
                break;
            }
            let known = ran.outcomes.iter().chain(&ran.probes).any(|o| o.case.id == other.id);
            if !known && left > 0 {
                left -= 1;
                ran.probes.extend(Box::pin(run(world, &other, &folder.join(FOLDER))).await);
            }
            let found = ran.outcomes.iter().chain(&ran.probes).find(|o| o.case.id == other.id);
            if let Some(outcome) = found.filter(|outcome| records(outcome)) {
                let (case, spans) = (outcome.case.id.clone(), outcome.judgement.spans);
                let of = id.clone();
                ran.counterfactuals.push(Counterfactual { of, change, case, spans });
                told += 1;
            }
        }
    }
}

/// The first failing case of each kind that should have recorded, with its codes.
fn representatives(ran: &RunResult) -> Vec<(String, Vec<Code>)> {
    let mut found: Vec<(String, Vec<Code>)> = Vec::new();
    for outcome in ran.outcomes.iter().filter(|outcome| outcome.judgement.recording) {
        let codes = outcome.judgement.codes();
        if !codes.is_empty() && found.iter().all(|(_, other)| *other != codes) {
            found.push((outcome.case.id.clone(), codes));
        }
    }
    found
}

/// Whether another spelling of the flag may be what is missing.
fn about_spelling(codes: &[Code]) -> bool {
    let spelling = [Code::FlagUnset, Code::FlagUnrecognisedValue, Code::FlagIgnored];
    codes.first().is_some_and(|code| spelling.contains(code))
}

fn records(outcome: &CaseResult) -> bool {
    let judgement = &outcome.judgement;
    judgement.verdict == Verdict::Pass && judgement.recording && judgement.spans > 0
}

/// One extra case; `None` if its world does not come up.
async fn run(world: &World, case: &Case, folder: &Path) -> Option<CaseResult> {
    let Judged { observation, judgement } =
        observe(world.spec(), world.trial_of(case)).await.ok()?;
    let folder = observation::write(folder, &observation).ok()?;
    Some(JudgedCase { observation, judgement, folder, kept: None }.into_result())
}
