//! Finds single changes, such as a different value of a flag, that make a failing case pass and record
//! spans. If the run has no case with the change, runs an extra case, up to a limit.

use std::path::Path;

use tokio::sync::watch;

use super::result::{CaseResult, JudgedCase, PassingChange, RunResult};
use crate::chain::chain;
use crate::matrix::{Case, SPELLINGS_OF_ON, neighbours};
use crate::observation;
use crate::spec::{Intent, Spec, Value};
use crate::trial::World;
use crate::verdict::{Evidence, Finding, Judged, Verdict, observe};
use spanproof_format::{Code, Confidence};

/// Maximum number of extra cases in one run.
pub(super) const MAX_EXTRA_CASES: usize = 12;
/// Maximum number of changes that are reported for one failure.
const MAX_CHANGES: usize = 3;
/// The folder for the evidence of the extra cases, in the folder of the run.
const FOLDER: &str = "probes";

/// Finds single changes that make failing cases pass, and adds these changes and the extra cases to
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
                let folder = extra.as_ref().map(|judged| judged.folder.clone());
                result.unwritten.extend(folder.and_then(Result::err));
                result.extra_cases.extend(extra.map(JudgedCase::into_result));
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
    find_overruled_flag(world.spec(), result);
}

/// Changes the code of findings if the service reads every common spelling of on as off. Then the spelling is
/// not the reason: something other than the variable decides, such as a file or a property.
fn find_overruled_flag(spec: &Spec, result: &mut RunResult) {
    let Some(flag) = spec.tracing_flag() else { return };
    let mut tried: Vec<Value> = Vec::new();
    for one in result.cases.iter().chain(&result.extra_cases) {
        let value = one.case.flag(&flag.name);
        if value.intent() != Intent::On || one.case.fault.is_some() {
            continue;
        }
        if one.judgement.spans > 0 || one.judgement.code() != Some(Code::FlagUnrecognisedValue) {
            return;
        }
        if !tried.contains(&value) {
            tried.push(value);
        }
    }
    let was_tried = |text: &&str| tried.contains(&Value::Set((*text).to_owned()));
    if !SPELLINGS_OF_ON.iter().all(was_tried) {
        return;
    }
    let tried: Vec<_> = tried.iter().map(ToString::to_string).collect();
    for one in &mut result.cases {
        if let Verdict::Fail(findings) = &mut one.judgement.verdict
            && let Some(finding) = findings.first_mut()
            && finding.code == Code::FlagUnrecognisedValue
        {
            finding.code = Code::FlagIgnored;
            finding.message = format!(
                "the service says that tracing is off with each of the values {} of {}: something other than the \
                 variable decides, such as a file or a property",
                tried.join(", "),
                flag.name
            );
            finding.confidence = Confidence::Likely;
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
    // A flag that is ignored in all cases is reported for only one of them.
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

/// Whether a case that passes may still have a failure with these codes: only a few slow cases are measured
/// again, a flaky case may pass by chance, and recording may stop only in cases with more work.
pub(crate) fn may_be_missed(codes: &[Code]) -> bool {
    let is_such =
        |code: &Code| matches!(code, Code::SlowedByTracing | Code::Flaky | Code::RecordingStopped);
    codes.iter().any(is_such)
}

/// Whether a different spelling of the flag may make the case pass.
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
    use crate::spec::example;

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
    fn a_flag_is_overruled_if_every_spelling_of_on_is_read_as_off(
        #[case] values: &[&str],
        #[case] last: Code,
        #[case] expected: Code,
    ) {
        let spec = example(|text| text);
        let off = |value: &&str| result(&spec, value, Code::FlagUnrecognisedValue);
        let mut run = RunResult { cases: vec![off(&values[0])], ..RunResult::default() };
        run.extra_cases = values[1..].iter().map(off).collect();
        *run.extra_cases.last_mut().unwrap() = result(&spec, values[values.len() - 1], last);
        find_overruled_flag(&spec, &mut run);
        let finding = &run.cases[0].judgement.findings()[0];
        assert_eq!(finding.code, expected);
        let has_values = finding.message.contains("true, 1, on, yes of ENABLE_DB_TRACING");
        assert_eq!(has_values, expected == Code::FlagIgnored, "{}", finding.message);
    }
}
