//! Failures of one kind, told once: what they have in common, and what alone would change it.

use crate::matrix::{Case, Pattern};
use crate::spec::Spec;
use crate::suite::{Counterfactual, Outcome, Ran};
use crate::verdict::{Code, Verdict};

/// Outcomes that failed with the same codes, or whose world broke for the same cause.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// The codes, first the one that names the reason; none where the world broke.
    pub(super) codes: Vec<Code>,
    /// The outcomes, in the order of the cases.
    pub(super) outcomes: Vec<&'a Outcome>,
    /// When it fails, where that can be told.
    pub(super) whenever: Option<Pattern>,
    /// What alone makes the first of them pass.
    pub(super) counterfactuals: Vec<&'a Counterfactual>,
}

impl<'a> Group<'a> {
    /// Every group of a run, in the order of its first case.
    pub(super) fn all(spec: &Spec, ran: &'a Ran) -> Vec<Self> {
        let mut groups: Vec<Group<'a>> = Vec::new();
        for outcome in &ran.outcomes {
            let Some(reason) = reason(outcome) else { continue };
            let same = |group: &&mut Group<'a>| {
                group.outcomes.first().and_then(|first| self::reason(first)).as_ref()
                    == Some(&reason)
            };
            match groups.iter_mut().find(same) {
                Some(group) => group.outcomes.push(outcome),
                None => groups.push(Self {
                    codes: outcome.judgement.codes(),
                    outcomes: vec![outcome],
                    whenever: None,
                    counterfactuals: Vec::new(),
                }),
            }
        }
        for group in &mut groups {
            group.whenever = whenever(spec, ran, &group.codes);
            let of = |fact: &&Counterfactual| group.outcomes.iter().any(|o| o.case.id == fact.of);
            group.counterfactuals = ran.counterfactuals.iter().filter(of).collect();
        }
        groups
    }
}

/// What an outcome failed for: its codes, or what broke.
fn reason(outcome: &Outcome) -> Option<(Vec<Code>, Option<&str>)> {
    match &outcome.judgement.verdict {
        Verdict::Pass | Verdict::Known(_) | Verdict::Skipped(_) => None,
        Verdict::Broken(cause) => Some((Vec::new(), Some(cause))),
        Verdict::Fail(_) => Some((outcome.judgement.codes(), None)),
    }
}

/// What the cases with these codes have in common, beside those that ended otherwise; extra cases
/// count as well.
fn whenever(spec: &Spec, ran: &Ran, codes: &[Code]) -> Option<Pattern> {
    let ended = ran.outcomes.iter().chain(&ran.probes);
    let ended = ended.filter(|o| matches!(o.judgement.verdict, Verdict::Pass | Verdict::Fail(_)));
    let (these, others): (Vec<&Outcome>, Vec<&Outcome>) =
        ended.partition(|outcome| outcome.judgement.codes() == codes);
    let cases = |outcomes: Vec<&'_ Outcome>| -> Vec<Case> {
        outcomes.into_iter().map(|outcome| outcome.case.clone()).collect()
    };
    let (these, others) = (cases(these), cases(others));
    // One case, or no other to compare with, has nothing in common with anything.
    if codes.is_empty() || these.len() < 2 || others.is_empty() {
        return None;
    }
    Pattern::of(spec, &these.iter().collect::<Vec<_>>(), &others.iter().collect::<Vec<_>>())
}
