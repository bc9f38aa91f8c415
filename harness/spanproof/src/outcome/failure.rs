//! Failing cases in groups, with what the cases of a group have in common.

use crate::matrix::{Case, Pattern};
use crate::spec::Spec;
use crate::suite::{CaseResult, Counterfactual, RunResult};
use crate::verdict::{Code, Verdict};

/// Cases that failed with the same codes, or whose world broke for the same cause.
#[derive(Debug, Clone)]
pub struct FailureGroup {
    /// The codes, first the one that names the reason; empty if the world broke.
    pub codes: Vec<Code>,
    /// Indices into [`RunOutcome::cases`](super::RunOutcome::cases), ascending.
    pub cases: Vec<usize>,
    /// The pattern that matches exactly these cases; `None` if there is no such pattern.
    pub whenever: Option<Pattern>,
    /// Single changes, each of which makes a case of the group pass.
    pub counterfactuals: Vec<Counterfactual>,
}

impl FailureGroup {
    /// Returns the groups of a run, in the order of their first cases.
    pub(super) fn all(spec: &Spec, ran: &RunResult) -> Vec<Self> {
        let mut groups: Vec<(Reason<'_>, Vec<usize>)> = Vec::new();
        for (index, outcome) in ran.outcomes.iter().enumerate() {
            let Some(reason) = reason(outcome) else { continue };
            match groups.iter_mut().find(|(other, _)| *other == reason) {
                Some((_, cases)) => cases.push(index),
                None => groups.push((reason, vec![index])),
            }
        }
        let group = |((codes, _), cases): (Reason<'_>, Vec<usize>)| {
            let whenever = whenever(spec, ran, &codes);
            let counterfactuals = counterfactuals(ran, &cases);
            Self { codes, cases, whenever, counterfactuals }
        };
        groups.into_iter().map(group).collect()
    }
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

fn counterfactuals(ran: &RunResult, cases: &[usize]) -> Vec<Counterfactual> {
    let ids: Vec<&str> =
        cases.iter().filter_map(|index| Some(ran.outcomes.get(*index)?.case.id.as_str())).collect();
    let of = |fact: &&Counterfactual| ids.contains(&fact.of.as_str());
    ran.counterfactuals.iter().filter(of).cloned().collect()
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
        let groups = FailureGroup::all(&spec, &ran);
        let cases: Vec<_> = groups.iter().map(|group| group.cases.as_slice()).collect();
        assert_eq!(cases, [&[0, 6][..], &[1, 7], &[3], &[4]]);
        let codes: Vec<_> = groups.iter().map(|group| group.codes.len()).collect();
        assert_eq!(codes, [0, 1, 0, 2]);
        let facts: Vec<_> = groups.iter().map(|group| group.counterfactuals.len()).collect();
        assert_eq!(facts, [0, 1, 0, 0]);
        assert_eq!(groups[3].whenever, None, "one case has nothing in common with anything");
    }
}
