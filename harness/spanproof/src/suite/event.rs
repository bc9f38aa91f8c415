//! Events of a run.

use super::result::JudgedCase;
use crate::matrix::Case;
use crate::spec::{Day, Spec};
use crate::verdict::{Verdict, apply_expected_rules};

/// An event during a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEvent {
    /// A case finished. Its verdict may still change when all cases are compared.
    CaseFinished {
        /// The case.
        case: Case,
        /// `pass`, `known`, `notice`, `skipped`, `broken`, or the first code of a failure.
        verdict: String,
        /// `false` if the case failed or is broken, for example because its service or Postgres did not start.
        passed: bool,
    },
    /// A case was not run, because the same case without its fault does not pass or was not run. The fault is
    /// not in the spec: spanproof added it.
    CaseUntried {
        /// The case.
        case: Case,
    },
}

/// Creates the event of a case that finished. An `Err` of `outcome` is the reason why the case is broken.
pub(super) fn event(
    spec: &Spec,
    case: &Case,
    outcome: Result<&JudgedCase, &String>,
    today: Day,
) -> RunEvent {
    let verdict = outcome.map(|judged| {
        let mut judgement = judged.judgement.clone();
        apply_expected_rules(spec, &judged.observation.case, &mut judgement, today);
        judgement.verdict
    });
    let (verdict, passed) = match verdict {
        Ok(Verdict::Pass) => ("pass".to_owned(), true),
        Ok(Verdict::Fail(findings)) => {
            (findings.first().map(|f| f.code.to_string()).unwrap_or_default(), false)
        }
        Ok(Verdict::Broken(_)) | Err(_) => ("broken".to_owned(), false),
        Ok(Verdict::Known(_)) => ("known".to_owned(), true),
        Ok(Verdict::Notice(_)) => ("notice".to_owned(), true),
        Ok(Verdict::Skipped(_)) => ("skipped".to_owned(), true),
    };
    RunEvent::CaseFinished { case: case.clone(), verdict, passed }
}
