//! Compares each case with a fault, a disturbance that spanproof causes on purpose, with the same case without it.
//! A defect that the service also has without the fault is reported once, for the case without it.

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
        let next_job = all[index].trial().and_then(|trial| trial.second_job.as_deref());
        let spans = Spans {
            plain: plain.spans,
            under_fault: judgements[index].spans,
            after_fault: next_job.map_or(0, |job| job.tables.spans.all().len()),
        };
        let Verdict::Fail(findings) = &mut judgements[index].verdict else { continue };
        findings.retain(|finding| !explains(&plain, &spans, finding));
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

/// The numbers of stored spans.
struct Spans {
    /// In the case without the fault.
    plain: usize,
    under_fault: usize,
    /// Of the job after the fault.
    after_fault: usize,
}

/// Whether the judgement of the case without the fault explains a finding of the case with it. It does not explain
/// that more spans are lost.
fn explains(plain: &Judgement, spans: &Spans, finding: &Finding) -> bool {
    let lacks_spans = plain
        .findings()
        .iter()
        .any(|one| one.is_about_missing_spans() || one.code == Code::NotFinished);
    match finding.code {
        Code::WriteFailedSilent | Code::LostAtExit => {
            lacks_spans && spans.under_fault >= spans.plain
        }
        Code::NotRecovered => {
            let lost_as_before = lacks_spans && spans.after_fault >= spans.plain;
            lost_as_before || plain.codes().iter().any(|code| is_about(finding, *code))
        }
        code => plain.codes().contains(&code),
    }
}

/// Whether a finding says that the job after the fault has this code.
fn is_about(finding: &Finding, code: Code) -> bool {
    finding.message.contains(&format!("did not pass: {code}: "))
}
