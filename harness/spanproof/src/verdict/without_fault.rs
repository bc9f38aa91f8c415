//! Compares each case with a fault, a disturbance that spanproof causes on purpose, with the same case without it.
//! A defect that is there without the fault is not one of the behaviour under the fault.

use super::finding::Finding;
use super::judgement::{Judgement, Verdict};
use crate::observation::Observation;
use spanproof_format::Code;

/// Removes the findings of cases with a fault that the same case without it explains. A case that has no other
/// finding fails in a way that is known from there.
pub(super) fn explain_by_case_without_fault(all: &[&Observation], judgements: &mut [Judgement]) {
    for index in 0..all.len() {
        let case = &all[index].case;
        let is_same = |other: &&Observation| {
            let other = &other.case;
            other.fault.is_none()
                && (&other.flags, &other.route, &other.upstream, &other.job)
                    == (&case.flags, &case.route, &case.upstream, &case.job)
        };
        let Some(peer) = all.iter().position(is_same).filter(|_| case.fault.is_some()) else {
            continue;
        };
        let plain = judgements[peer].clone();
        let Verdict::Fail(findings) = &mut judgements[index].verdict else { continue };
        findings.retain(|finding| !explains(&plain, finding));
        if findings.is_empty() {
            let codes: Vec<_> = plain.codes().iter().map(ToString::to_string).collect();
            judgements[index].verdict = Verdict::Known(format!(
                "the same case without the fault fails, too ({}: {})",
                all[peer].case.id,
                codes.join(" ")
            ));
        }
    }
}

/// Whether the judgement of the case without the fault explains a finding of the case with it.
fn explains(plain: &Judgement, finding: &Finding) -> bool {
    let lacks_spans = plain
        .findings()
        .iter()
        .any(|one| one.is_about_missing_spans() || one.code == Code::NotFinished);
    match finding.code {
        Code::WriteFailedSilent | Code::LostAtExit => lacks_spans,
        Code::NotRecovered => {
            lacks_spans || plain.codes().iter().any(|code| is_about(finding, *code))
        }
        code => plain.codes().contains(&code),
    }
}

/// Whether a finding says that the job after the fault has this code.
fn is_about(finding: &Finding, code: Code) -> bool {
    finding.message.contains(&format!("did not pass: {code}: "))
}
