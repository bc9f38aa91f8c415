//! Groups failing cases by their codes, and finds what the cases of a group have in common: a
//! *pattern* of values.

use spanproof_format as format;
use spanproof_format::{Code, FailureGroup};

use crate::matrix::{Case, Pattern};
use crate::spec::Spec;
use crate::suite::{CaseResult, RunResult, may_be_missed};
use crate::verdict::Verdict;

/// Returns the groups of failing cases of a run, in the order of their first cases.
pub(super) fn failures(spec: &Spec, run: &RunResult) -> Vec<FailureGroup> {
    groups(spec, run, reason)
}

/// Returns the groups of cases that fail under a fault that is not in the spec but was added by
/// spanproof.
pub(super) fn notices(spec: &Spec, run: &RunResult) -> Vec<FailureGroup> {
    groups(spec, run, |result| match &result.judgement.verdict {
        Verdict::Notice(findings) => Some((findings.iter().map(|one| one.code).collect(), None)),
        _ => None,
    })
}

/// Groups the cases for which `reason` returns the same reason.
fn groups<'a>(
    spec: &Spec,
    run: &'a RunResult,
    reason: impl Fn(&'a CaseResult) -> Option<Reason<'a>>,
) -> Vec<FailureGroup> {
    let mut groups: Vec<(Reason<'_>, Vec<&CaseResult>)> = Vec::new();
    for result in &run.cases {
        let Some(reason) = reason(result) else { continue };
        match groups.iter_mut().find(|(other, _)| *other == reason) {
            Some((_, cases)) => cases.push(result),
            None => groups.push((reason, vec![result])),
        }
    }
    let group = |((codes, _), cases): (Reason<'_>, Vec<&CaseResult>)| {
        let ids = cases.iter().map(|result| result.case.id.clone()).collect();
        let mut group = FailureGroup::new(codes, ids);
        group.pattern = pattern(spec, run, &group.codes).map(|pattern| pattern.to_string());
        group.passing_changes = passing_changes(run, &group.cases);
        group
    };
    groups.into_iter().map(group).collect()
}

/// The codes of a case, or the reason why its service or Postgres did not start.
type Reason<'a> = (Vec<Code>, Option<&'a str>);

/// Returns the reason by which a case is grouped; `None` if the case did not fail, and its service and
/// Postgres started.
fn reason(result: &CaseResult) -> Option<Reason<'_>> {
    match &result.judgement.verdict {
        Verdict::Pass | Verdict::Known(_) | Verdict::Notice(_) | Verdict::Skipped(_) => None,
        Verdict::Broken(cause) => Some((Vec::new(), Some(cause))),
        Verdict::Fail(_) => Some((result.judgement.codes(), None)),
    }
}

/// Returns the single changes that make cases with these ids pass.
fn passing_changes(run: &RunResult, ids: &[String]) -> Vec<format::PassingChange> {
    let changes = run.passing_changes.iter().filter(|change| ids.contains(&change.failing));
    let document = |passing: &crate::suite::PassingChange| {
        let change = (passing.change.name.clone(), passing.change.value.clone().into());
        format::PassingChange::new(&passing.failing, change, &passing.passing, passing.spans)
    };
    changes.map(document).collect()
}

/// Returns the pattern that matches all cases with these codes and no other case that passed or failed,
/// also among the extra cases of the run. `None` if there is no such pattern, if too few cases can be
/// compared, or if a case that passes may have the same problem.
fn pattern(spec: &Spec, run: &RunResult, codes: &[Code]) -> Option<Pattern> {
    let is_judged =
        |result: &&CaseResult| matches!(result.judgement.verdict, Verdict::Pass | Verdict::Fail(_));
    let judged = run.cases.iter().chain(&run.extra_cases).filter(is_judged);
    let (matching, others): (Vec<&CaseResult>, Vec<&CaseResult>) =
        judged.partition(|result| result.judgement.codes() == codes);
    if may_be_missed(codes) {
        return None;
    }
    // A pattern needs at least two cases that it matches, and one case that it does not match.
    if codes.is_empty() || matching.len() < 2 || others.is_empty() {
        return None;
    }
    let cases = |results: &[&'_ CaseResult]| {
        results.iter().map(|result| result.case.clone()).collect::<Vec<Case>>()
    };
    let (matching, others) = (cases(&matching), cases(&others));
    Pattern::find(spec, &matching.iter().collect::<Vec<_>>(), &others.iter().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::matrix::{Change, cases};
    use crate::spec::Value;
    use crate::suite::PassingChange;
    use crate::verdict::Finding;

    fn fail(codes: &[Code]) -> Verdict {
        let finding = |code: &Code| Finding::new(*code, "m", Vec::new());
        Verdict::Fail(codes.iter().map(finding).collect())
    }

    /// Returns a run of the first cases, with these verdicts.
    fn run(spec: &Spec, verdicts: Vec<Verdict>) -> RunResult {
        let result = |(case, verdict)| CaseResult::without_evidence(case, verdict);
        let cases = cases(spec).unwrap().into_iter().zip(verdicts).map(result).collect();
        RunResult { cases, ..RunResult::default() }
    }

    #[test]
    fn failed_cases_are_grouped_by_codes_and_broken_cases_by_cause() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml");
        let spec = Spec::read(&path).unwrap();
        let one = || fail(&[Code::Unlinked]);
        let broken = |why: &str| Verdict::Broken(why.into());
        let two = fail(&[Code::Unlinked, Code::NotStopped]);
        let verdicts = vec![
            broken("a"),
            one(),
            Verdict::Pass,
            broken("b"),
            two,
            Verdict::Known("k".into()),
            broken("a"),
            one(),
        ];
        let mut run = run(&spec, verdicts);
        let failing = run.cases[7].case.id.clone();
        let change = Change { name: "route".into(), value: Value::Unset };
        run.passing_changes.push(PassingChange { failing, change, passing: "c".into(), spans: 1 });
        let groups = failures(&spec, &run);
        let index = |id: &String| run.cases.iter().position(|result| result.case.id == *id);
        let cases = groups.iter().map(|group| group.cases.iter().filter_map(index).collect());
        let cases: Vec<Vec<usize>> = cases.collect();
        assert_eq!(cases, [&[0, 6][..], &[1, 7], &[3], &[4]]);
        let codes: Vec<_> = groups.iter().map(|group| group.codes.len()).collect();
        assert_eq!(codes, [0, 1, 0, 2]);
        let changes: Vec<_> = groups.iter().map(|group| group.passing_changes.len()).collect();
        assert_eq!(changes, [0, 1, 0, 0]);
        assert_eq!(groups[3].pattern, None, "a single case has no pattern");
    }

    /// Only some of the slow cases are measured again, and a flaky case may pass by chance.
    #[test]
    fn failures_that_not_every_affected_case_shows_have_no_pattern() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml");
        let spec = Spec::read(&path).unwrap();
        let all = cases(&spec).unwrap();
        let is_first = |case: &Case| case.route == all[0].route;
        for (code, has_pattern) in
            [(Code::Unlinked, true), (Code::SlowedByTracing, false), (Code::Flaky, false)]
        {
            let verdict = |case| if is_first(case) { fail(&[code]) } else { Verdict::Pass };
            let run = run(&spec, all.iter().map(verdict).collect());
            let groups = failures(&spec, &run);
            assert_eq!(groups[0].pattern.is_some(), has_pattern, "{code}");
        }
    }
}
