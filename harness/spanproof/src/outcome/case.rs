//! One case of a run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::matrix::Case;
use crate::spec::{Intent, Spec};
use crate::suite::CaseResult;
use crate::verdict::{Code, Evidence, Judgement, Verdict};

/// One case of a run, with its verdict.
#[derive(Debug, Clone)]
pub struct CaseOutcome {
    /// The case: its id, flags, route, upstream, job and fault.
    pub case: Case,
    /// The flags as `NAME=value`.
    pub settings: String,
    /// The verdict with its funnel and counts.
    pub judgement: Judgement,
    /// Why no span was expected; `None` if the case had to record spans, or did not pass.
    pub off: Option<OffReason>,
    /// Ids of the other cases that must run as well to repeat its failure.
    pub peers: Vec<String>,
    /// The folder with its evidence; `None` if its world did not come up.
    pub evidence: Option<PathBuf>,
    /// The command that opens its database; `None` if that was not kept.
    pub kept: Option<String>,
    /// Microseconds of each step of the trial.
    pub timings: BTreeMap<String, u64>,
}

/// Why a case that passed recorded no span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffReason {
    /// The flag means off.
    Off,
    /// The flag means on, in a spelling that the spec does not list under `enables`.
    SpellingNotEnabled,
}

impl CaseOutcome {
    pub(super) fn new(spec: &Spec, outcome: &CaseResult) -> Self {
        let trial = outcome.observation.as_ref().and_then(|observation| observation.trial());
        Self {
            case: outcome.case.clone(),
            settings: outcome.case.settings(spec),
            judgement: outcome.judgement.clone(),
            off: off_reason(spec, outcome),
            peers: peers(&outcome.judgement),
            evidence: outcome.folder.clone(),
            kept: outcome.kept.clone(),
            timings: trial.map(|trial| trial.timings.clone()).unwrap_or_default(),
        }
    }
}

fn off_reason(spec: &Spec, outcome: &CaseResult) -> Option<OffReason> {
    let judgement = &outcome.judgement;
    if judgement.verdict != Verdict::Pass || judgement.recording {
        return None;
    }
    let intent = spec.tracing_flag().map(|flag| outcome.case.flag(&flag.name).intent());
    let on = intent == Some(Intent::On);
    Some(if on { OffReason::SpellingNotEnabled } else { OffReason::Off })
}

/// Returns the cases that a verdict of `outcome-changed-by-tracing` was compared with.
fn peers(judgement: &Judgement) -> Vec<String> {
    if !judgement.codes().contains(&Code::OutcomeChangedByTracing) {
        return Vec::new();
    }
    let evidence = judgement.findings().iter().flat_map(|finding| &finding.evidence);
    let others = evidence.filter_map(|evidence| match evidence {
        Evidence::Compared { case, other: true, .. } => Some(case.clone()),
        _ => None,
    });
    others.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Finding;

    fn judgement(code: Code) -> Judgement {
        let compared = |word: &str, case: &str| Evidence::Compared {
            word: word.into(),
            case: case.into(),
            outcome: "failed".into(),
            other: word != "on",
        };
        let evidence = vec![compared("on", "0a"), compared("off", "0b"), compared("without", "0c")];
        let finding = Finding { code, message: "m".into(), evidence };
        Judgement { verdict: Verdict::Fail(vec![finding]), ..Judgement::broken("") }
    }

    #[test]
    fn the_cases_that_an_outcome_was_compared_with_are_its_peers() {
        assert_eq!(peers(&judgement(Code::OutcomeChangedByTracing)), ["0b", "0c"]);
        assert!(peers(&judgement(Code::Unlinked)).is_empty());
    }
}
