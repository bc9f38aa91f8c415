//! Failing cases in groups, with what the cases of a group have in common.

use crate::matrix::{Case, Pattern};
use crate::spec::Spec;
use crate::suite::{Counterfactual, Outcome, Ran};
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
    pub(super) fn all(spec: &Spec, ran: &Ran) -> Vec<Self> {
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
fn reason(outcome: &Outcome) -> Option<Reason<'_>> {
    match &outcome.judgement.verdict {
        Verdict::Pass | Verdict::Known(_) | Verdict::Skipped(_) => None,
        Verdict::Broken(cause) => Some((Vec::new(), Some(cause))),
        Verdict::Fail(_) => Some((outcome.judgement.codes(), None)),
    }
}

fn counterfactuals(ran: &Ran, cases: &[usize]) -> Vec<Counterfactual> {
    let ids: Vec<&str> =
        cases.iter().filter_map(|index| Some(ran.outcomes.get(*index)?.case.id.as_str())).collect();
    let of = |fact: &&Counterfactual| ids.contains(&fact.of.as_str());
    ran.counterfactuals.iter().filter(of).cloned().collect()
}

/// Returns the pattern of the cases with these codes, compared with all other cases that were
/// judged, extra ones included.
fn whenever(spec: &Spec, ran: &Ran, codes: &[Code]) -> Option<Pattern> {
    let judged = ran.outcomes.iter().chain(&ran.probes);
    let judged = judged.filter(|o| matches!(o.judgement.verdict, Verdict::Pass | Verdict::Fail(_)));
    let (these, others): (Vec<&Outcome>, Vec<&Outcome>) =
        judged.partition(|outcome| outcome.judgement.codes() == codes);
    // One case, or no other to compare with, has nothing in common with anything.
    if codes.is_empty() || these.len() < 2 || others.is_empty() {
        return None;
    }
    let cases =
        |outcomes: &[&'_ Outcome]| outcomes.iter().map(|o| o.case.clone()).collect::<Vec<Case>>();
    let (these, others) = (cases(&these), cases(&others));
    Pattern::of(spec, &these.iter().collect::<Vec<_>>(), &others.iter().collect::<Vec<_>>())
}
