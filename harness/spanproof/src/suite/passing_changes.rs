//! Finds single changes, such as a different value of a flag, that make a failing case pass and record
//! spans. If the run has no case with the change, runs an extra case, up to a limit.

use std::path::Path;

use tokio::sync::watch;

use super::result::{CaseResult, JudgedCase, PassingChange, RunResult};
use crate::chain::chain;
use crate::matrix::{Case, Change, SPELLINGS_OF_ON, neighbours};
use crate::observation;
use crate::spec::Spec;
use crate::trial::World;
use crate::verdict::{Evidence, Finding, Judged, Verdict, find_ignored_flag, observe};
use spanproof_format::Code;

/// Maximum number of extra cases in one run.
pub(super) const MAX_EXTRA_CASES: usize = 12;
/// Maximum number of changes that are reported for one failure.
const MAX_CHANGES: usize = 3;
/// The folder for the evidence of the extra cases, in the folder of the run.
pub(super) const FOLDER: &str = "probes";

/// Finds single changes that make failing cases pass, and adds these changes and the extra cases to
/// the result. Of failing cases with the same codes, examines only one. The flags of `cases` must not be
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
        for (change, neighbour) in neighbours(world.spec(), case, spellings(&codes)) {
            if changes == MAX_CHANGES || *cancelled.borrow() {
                break;
            }
            if find_case(result, &neighbour.id).is_none() && left > 0 {
                left -= 1;
                let extra = Box::pin(run_extra_case(world, &neighbour, &folder.join(FOLDER))).await;
                let folder = extra.as_ref().map(|judged| judged.folder.clone());
                result.unwritten.extend(folder.and_then(Result::err));
                result.extra_cases.extend(extra.map(JudgedCase::into_result));
            }
            if add_if_passing(result, &failing, change, &neighbour) {
                changes += 1;
            }
        }
    }
    use_extra_cases(world.spec(), result);
}

/// Adds the extra cases of a stored run, and the changes that make failing cases pass, to the result. Runs
/// nothing.
pub(super) fn add_stored_changes(spec: &Spec, result: &mut RunResult, extra: Vec<CaseResult>) {
    result.extra_cases = extra;
    for (failing, codes) in representatives(result) {
        let Some(case) = find_case(result, &failing).map(|one| one.case.clone()) else { continue };
        let mut changes = 0;
        for (change, neighbour) in neighbours(spec, &case, spellings(&codes)) {
            if changes < MAX_CHANGES && add_if_passing(result, &failing, change, &neighbour) {
                changes += 1;
            }
        }
    }
    use_extra_cases(spec, result);
}

/// Adds a change and returns true if the case with this change passes and records spans.
fn add_if_passing(result: &mut RunResult, failing: &str, change: Change, case: &Case) -> bool {
    let found = find_case(result, &case.id).filter(|found| passes_and_records(found));
    let Some(found) = found else { return false };
    let (failing, passing) = (failing.to_owned(), found.case.id.clone());
    let spans = found.judgement.spans;
    result.passing_changes.push(PassingChange { failing, change, passing, spans });
    true
}

/// Decides again whether the service ignores the tracing flag, now with the extra cases.
fn use_extra_cases(spec: &Spec, result: &mut RunResult) {
    let RunResult { cases, extra_cases, .. } = result;
    let mut cases: Vec<_> = cases.iter_mut().map(|one| (&one.case, &mut one.judgement)).collect();
    let extra: Vec<_> = extra_cases.iter().map(|one| (&one.case, &one.judgement)).collect();
    find_ignored_flag(spec, &mut cases, &extra);
}

/// Returns the spellings of "on" to try for a failure with these codes; empty if a spelling can't be the
/// reason.
fn spellings(codes: &[Code]) -> &'static [&'static str] {
    if is_about_spelling(codes) { SPELLINGS_OF_ON } else { &[] }
}

/// Returns the result of the case with this id; `None` if the case was not run.
fn find_case<'a>(result: &'a RunResult, id: &str) -> Option<&'a CaseResult> {
    result.cases.iter().chain(&result.extra_cases).find(|one| one.case.id == id)
}

/// Returns the first failing case for each list of codes. Ignores cases that should not record spans, and
/// codes for which a passing case proves nothing ([`may_be_missed`]).
fn representatives(result: &RunResult) -> Vec<(String, Vec<Code>)> {
    let mut found: Vec<(String, Vec<Code>)> = Vec::new();
    // If the service ignores a flag in all cases, the run reports this for only one case, although it is
    // not a failure of this case alone. So the case is ignored here.
    let is_of_run = |finding: &Finding| {
        finding.code == Code::FlagIgnored
            && finding.evidence.iter().any(|one| matches!(one, Evidence::Compared { .. }))
    };
    let is_of_case = |one: &&CaseResult| !one.judgement.findings().iter().all(is_of_run);
    for one in result.cases.iter().filter(|one| one.judgement.recording).filter(is_of_case) {
        let codes = one.judgement.codes();
        let is_comparable = !codes.is_empty() && !may_be_missed(&codes);
        if is_comparable && found.iter().all(|(_, other)| *other != codes) {
            found.push((one.case.id.clone(), codes));
        }
    }
    found
}

/// Whether one of these codes is not found in every case to which it applies, so that a case that passes may
/// have the same problem: only a few slow cases are measured again, a flaky case may pass by chance, and the
/// service may stop recording only in cases with more work.
pub(crate) fn may_be_missed(codes: &[Code]) -> bool {
    let is_such =
        |code: &Code| matches!(code, Code::SlowedByTracing | Code::Flaky | Code::RecordingStopped);
    codes.iter().any(is_such)
}

/// Whether a different spelling of the tracing flag's value may make the case pass.
fn is_about_spelling(codes: &[Code]) -> bool {
    let spelling = [Code::FlagUnset, Code::FlagUnrecognisedValue, Code::FlagIgnored];
    codes.first().is_some_and(|code| spelling.contains(code))
}

/// Whether a case passes and has recorded at least one span.
fn passes_and_records(result: &CaseResult) -> bool {
    let judgement = &result.judgement;
    judgement.verdict == Verdict::Pass && judgement.recording && judgement.spans > 0
}

/// Runs one extra case; `None` if its service or Postgres does not start.
async fn run_extra_case(world: &World, case: &Case, folder: &Path) -> Option<JudgedCase> {
    let trial = world.trial_for(case);
    let progress = trial.own_progress();
    let Judged { observation, judgement } = observe(world.spec(), trial).await.ok()?;
    let folder = observation::write(folder, &observation).map_err(|error| chain(&error));
    let retries = progress.retries();
    Some(JudgedCase { observation, judgement, folder, database_command: None, retries })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::spec::{Value, example};

    /// Returns a failing case with a value of the tracing flag and a code.
    fn result(spec: &Spec, value: &str, code: Code) -> CaseResult {
        let mut case = crate::matrix::cases(spec).unwrap().remove(0);
        case.flags[0].1 = Value::Set(value.to_owned());
        let verdict = Verdict::Fail(vec![Finding::new(code, "m", Vec::new())]);
        CaseResult::without_evidence(case, verdict)
    }

    #[rstest]
    #[case::every_spelling_is_off(&["true", "1", "on", "yes"], Code::FlagUnrecognisedValue, Code::FlagIgnored)]
    #[case::one_was_not_tried(&["true", "1", "on"], Code::FlagUnrecognisedValue, Code::FlagUnrecognisedValue)]
    #[case::one_fails_differently(&["true", "1", "on", "yes"], Code::NeverSent, Code::FlagUnrecognisedValue)]
    fn a_flag_is_reported_as_ignored_only_if_every_spelling_of_on_is_read_as_off(
        #[case] values: &[&str],
        #[case] last: Code,
        #[case] expected: Code,
    ) {
        let spec = example(|text| text);
        let off = |value: &&str| result(&spec, value, Code::FlagUnrecognisedValue);
        let mut run = RunResult { cases: vec![off(&values[0])], ..RunResult::default() };
        run.extra_cases = values[1..].iter().map(off).collect();
        *run.extra_cases.last_mut().unwrap() = result(&spec, values[values.len() - 1], last);
        let (mut stored, extra) = (run.clone(), std::mem::take(&mut run.extra_cases));
        add_stored_changes(&spec, &mut run, extra);
        use_extra_cases(&spec, &mut stored);
        assert_eq!(stored.cases[0].judgement, run.cases[0].judgement);
        let finding = &run.cases[0].judgement.findings()[0];
        assert_eq!(finding.code, expected);
        let has_values = finding.message.contains("true, 1, on, yes of ENABLE_DB_TRACING");
        assert_eq!(has_values, expected == Code::FlagIgnored, "{}", finding.message);
    }
}
