//! Finds single changes, such as another value of a flag, that make a failing case pass and record
//! spans. If the run has no case with the change, runs an extra case, up to a limit.

use std::path::Path;

use tokio::sync::watch;

use super::result::{CaseResult, JudgedCase, PassingChange, RunResult};
use crate::matrix::{Case, SPELLINGS_OF_ON, neighbours};
use crate::observation;
use crate::trial::World;
use crate::verdict::{Evidence, Finding, Judged, Verdict, observe};
use spanproof_format::Code;

/// Maximum number of extra cases in one run.
pub(super) const MAX_EXTRA_CASES: usize = 12;
/// Maximum number of changes that are reported for one failure.
const MAX_CHANGES: usize = 3;
/// The folder for the evidence of the extra cases, in the folder of the run.
const FOLDER: &str = "probes";

/// Finds single changes with which failing cases pass, and adds these changes and the extra cases to
/// the result. Examines only one case for each kind of failure. The flags of `cases` must not be
/// masked, because the service needs their real values.
pub(super) async fn find_passing_changes(
    world: &World,
    cases: &[Case],
    result: &mut RunResult,
    folder: &Path,
    cancelled: &watch::Receiver<bool>,
) {
    let mut left = MAX_EXTRA_CASES;
    for (failing, codes) in representatives(result) {
        let Some(case) = cases.iter().find(|case| case.id == failing) else { continue };
        let mut changes = 0;
        let spellings = if is_about_spelling(&codes) { SPELLINGS_OF_ON } else { &[] };
        for (change, neighbour) in neighbours(world.spec(), case, spellings) {
            if changes == MAX_CHANGES || *cancelled.borrow() {
                break;
            }
            if find_case(result, &neighbour.id).is_none() && left > 0 {
                left -= 1;
                let extra = Box::pin(run_extra_case(world, &neighbour, &folder.join(FOLDER))).await;
                result.extra_cases.extend(extra);
            }
            let found = find_case(result, &neighbour.id).filter(|found| passes_and_records(found));
            if let Some(found) = found {
                let (passing, spans) = (found.case.id.clone(), found.judgement.spans);
                let failing = failing.clone();
                result.passing_changes.push(PassingChange { failing, change, passing, spans });
                changes += 1;
            }
        }
    }
}

/// Returns the result of the case with this id; `None` if the case was not run.
fn find_case<'a>(result: &'a RunResult, id: &str) -> Option<&'a CaseResult> {
    result.cases.iter().chain(&result.extra_cases).find(|one| one.case.id == id)
}

/// Returns the first failing case for each list of codes. Ignores cases that should not record spans.
fn representatives(result: &RunResult) -> Vec<(String, Vec<Code>)> {
    let mut found: Vec<(String, Vec<Code>)> = Vec::new();
    // A flag that is ignored in all cases is reported with one of them only.
    let is_of_run = |finding: &Finding| {
        finding.code == Code::FlagIgnored
            && finding.evidence.iter().any(|one| matches!(one, Evidence::Compared { .. }))
    };
    let is_of_case = |one: &&CaseResult| !one.judgement.findings().iter().all(is_of_run);
    for one in result.cases.iter().filter(|one| one.judgement.recording).filter(is_of_case) {
        let codes = one.judgement.codes();
        let is_comparable = !codes.is_empty() && !is_measured_in_few_cases(&codes);
        if is_comparable && found.iter().all(|(_, other)| *other != codes) {
            found.push((one.case.id.clone(), codes));
        }
    }
    found
}

/// Whether one trial of a case can't show that it does not have a failure with these codes: only a few slow cases are
/// measured again, and what varies by itself may pass by chance.
pub(crate) fn is_measured_in_few_cases(codes: &[Code]) -> bool {
    codes.iter().any(|code| matches!(code, Code::SlowedByTracing | Code::Flaky))
}

/// Returns whether another spelling of the flag may make the case pass.
fn is_about_spelling(codes: &[Code]) -> bool {
    let spelling = [Code::FlagUnset, Code::FlagUnrecognisedValue, Code::FlagIgnored];
    codes.first().is_some_and(|code| spelling.contains(code))
}

/// Whether a case passes and has recorded at least one span.
fn passes_and_records(result: &CaseResult) -> bool {
    let judgement = &result.judgement;
    judgement.verdict == Verdict::Pass && judgement.recording && judgement.spans > 0
}

/// Runs one extra case; `None` if its service or Postgres does not start, or its evidence can't be
/// written.
async fn run_extra_case(world: &World, case: &Case, folder: &Path) -> Option<CaseResult> {
    let Judged { observation, judgement } =
        observe(world.spec(), world.trial_for(case)).await.ok()?;
    let folder = Ok(observation::write(folder, &observation).ok()?);
    Some(JudgedCase { observation, judgement, folder, database_command: None }.into_result())
}
