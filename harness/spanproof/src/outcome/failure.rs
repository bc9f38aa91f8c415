//! Failing cases in groups, with what the cases of a group have in common.

use spanproof_format as format;
use spanproof_format::{Code, FailureGroup};

use crate::matrix::{Case, Pattern};
use crate::spec::Spec;
use crate::suite::{CaseResult, RunResult};
use crate::verdict::Verdict;

/// Returns the groups of a run, in the order of their first cases.
pub(super) fn failures(spec: &Spec, ran: &RunResult) -> Vec<FailureGroup> {
    let mut groups: Vec<(Reason<'_>, Vec<&CaseResult>)> = Vec::new();
    for result in &ran.outcomes {
        let Some(reason) = reason(result) else { continue };
        match groups.iter_mut().find(|(other, _)| *other == reason) {
            Some((_, cases)) => cases.push(result),
            None => groups.push((reason, vec![result])),
        }
    }
    let group = |((codes, _), cases): (Reason<'_>, Vec<&CaseResult>)| {
        let ids = cases.iter().map(|result| result.case.id.clone()).collect();
        let mut group = FailureGroup::new(codes, ids);
        group.whenever = whenever(spec, ran, &group.codes).map(|pattern| pattern.to_string());
        group.counterfactuals = counterfactuals(ran, &group.cases);
        group
    };
    groups.into_iter().map(group).collect()
}

/// The codes of a case, or the cause that broke its world.
type Reason<'a> = (Vec<Code>, Option<&'a str>);

/// Returns why a case is red; `None` if it is not.
fn reason(outcome: &CaseResult) -> Option<Reason<'_>> {
    match &outcome.judgement.verdict {
        Verdict::Pass | Verdict::Known(_) | Verdict::Skipped(_) => None,
        Verdict::Broken(cause) => Some((Vec::new(), Some(cause))),
        Verdict::Fail(_) => Some((outcome.judgement.codes(), None)),
    }
}

fn counterfactuals(ran: &RunResult, ids: &[String]) -> Vec<format::Counterfactual> {
    let facts = ran.counterfactuals.iter().filter(|fact| ids.contains(&fact.of));
    let document = |fact: &crate::suite::Counterfactual| {
        let change = (fact.change.name.clone(), fact.change.value.clone().into());
        format::Counterfactual::new(&fact.of, change, &fact.case, fact.spans)
    };
    facts.map(document).collect()
}

/// Returns the pattern of the cases with these codes, compared with all other cases that were
/// judged, extra ones included.
fn whenever(spec: &Spec, ran: &RunResult, codes: &[Code]) -> Option<Pattern> {
    let judged = ran.outcomes.iter().chain(&ran.probes);
    let judged = judged.filter(|o| matches!(o.judgement.verdict, Verdict::Pass | Verdict::Fail(_)));
    let (these, others): (Vec<&CaseResult>, Vec<&CaseResult>) =
        judged.partition(|outcome| outcome.judgement.codes() == codes);
    // One case, or no other to compare with, has nothing in common with anything.
    if codes.is_empty() || these.len() < 2 || others.is_empty() {
        return None;
    }
    let cases = |outcomes: &[&'_ CaseResult]| {
        outcomes.iter().map(|o| o.case.clone()).collect::<Vec<Case>>()
    };
    let (these, others) = (cases(&these), cases(&others));
    Pattern::of(spec, &these.iter().collect::<Vec<_>>(), &others.iter().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::matrix::{Change, cases};
    use crate::spec::Value;
    use crate::suite::Counterfactual;
    use crate::verdict::{Finding, Judgement};

    fn fail(codes: &[Code]) -> Verdict {
        let finding =
            |code: &Code| Finding { code: *code, message: "m".into(), evidence: Vec::new() };
        Verdict::Fail(codes.iter().map(finding).collect())
    }

    /// A run of the first cases, with these verdicts.
    fn run(spec: &Spec, verdicts: Vec<Verdict>) -> RunResult {
        let outcome = |(case, verdict): (Case, Verdict)| CaseResult {
            case,
            judgement: Judgement { verdict, ..Judgement::broken("") },
            observation: None,
            folder: None,
            kept: None,
        };
        let outcomes = cases(spec).unwrap().into_iter().zip(verdicts).map(outcome).collect();
        RunResult { outcomes, ..RunResult::default() }
    }

    #[test]
    fn cases_are_grouped_by_all_their_codes_and_broken_ones_by_their_cause() {
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
        let mut ran = run(&spec, verdicts);
        let of = ran.outcomes[7].case.id.clone();
        let change = Change { name: "route".into(), value: Value::Unset };
        ran.counterfactuals.push(Counterfactual { of, change, case: "c".into(), spans: 1 });
        let groups = failures(&spec, &ran);
        let at = |id: &String| ran.outcomes.iter().position(|result| result.case.id == *id);
        let cases = groups.iter().map(|group| group.cases.iter().filter_map(at).collect());
        let cases: Vec<Vec<usize>> = cases.collect();
        assert_eq!(cases, [&[0, 6][..], &[1, 7], &[3], &[4]]);
        let codes: Vec<_> = groups.iter().map(|group| group.codes.len()).collect();
        assert_eq!(codes, [0, 1, 0, 2]);
        let facts: Vec<_> = groups.iter().map(|group| group.counterfactuals.len()).collect();
        assert_eq!(facts, [0, 1, 0, 0]);
        assert_eq!(groups[3].whenever, None, "one case has nothing in common with anything");
    }
}
