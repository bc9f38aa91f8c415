//! Compares each case with a fault, a disturbance that spanproof causes on purpose, with the same case without it.
//! A defect that the service also has without the fault is reported once, for the case without it. The fault
//! `job-repeated` only submits the job several times, so such a case shows how the next job ends without a
//! disturbance.

use super::finding::Finding;
use super::judgement::{Judgement, Verdict};
use super::repetition::comparable_jobs;
use crate::matrix::Case;
use crate::observation::Observation;
use crate::spec::{FaultKind, Spec};
use spanproof_format::Code;

/// Codes that say how a job ended, and not whether it left its spans.
const OUTCOMES: [Code; 3] = [Code::JobFailedEarly, Code::JobNotFinished, Code::Duplicate];

/// Removes the findings of cases with a fault that the same case without it explains. A case that has no other
/// finding fails in a way that is known from there.
pub(super) fn explain_by_case_without_fault(
    spec: &Spec,
    all: &[&Observation],
    judgements: &mut [Judgement],
) {
    for index in 0..all.len() {
        let case = &all[index].case;
        if case.fault.is_none() || repeats_job(spec, case) {
            continue;
        }
        let is_same = |other: &Case| {
            (&other.flags, &other.route, &other.upstream, &other.job)
                == (&case.flags, &case.route, &case.upstream, &case.job)
        };
        let repeated =
            all.iter().position(|one| is_same(&one.case) && repeats_job(spec, &one.case));
        let after_fault = span_count_of_next_job(all[index]);
        if let Some(repeated) = repeated {
            let repeated = (all[repeated], &judgements[repeated].clone());
            explain_next_job(spec, repeated, after_fault, &mut judgements[index]);
        }
        let plain = all.iter().position(|one| is_same(&one.case) && one.case.fault.is_none());
        let Some(peer) = plain else { continue };
        let plain = judgements[peer].clone();
        let spans = Spans { plain: plain.spans, under_fault: judgements[index].spans, after_fault };
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

/// Whether the case only submits its job several times.
fn repeats_job(spec: &Spec, case: &Case) -> bool {
    let fault = case.fault.as_deref().and_then(|name| spec.fault(name));
    fault.is_some_and(|fault| fault.kind == FaultKind::JobRepeated)
}

/// Removes the finding about the job after the fault if the next job also differs from the first one, or fails in the
/// same way, in the case that repeats its job.
fn explain_next_job(
    spec: &Spec,
    (repeated, judgement): (&Observation, &Judgement),
    after_fault: usize,
    under_fault: &mut Judgement,
) {
    let Verdict::Fail(findings) = &mut under_fault.verdict else { return };
    let differs = comparable_jobs(spec, repeated).0 == 1;
    let lacks_spans = |finding: &Finding| {
        finding.is_about_missing_spans() || finding.code == Code::RecordingStopped
    };
    let lost_as_before = judgement.findings().iter().any(lacks_spans)
        && after_fault >= span_count_of_next_job(repeated);
    let mut codes = judgement.codes();
    codes.retain(|code| *code != Code::Undetermined);
    let is_explained = |finding: &Finding| {
        let is_outcome = OUTCOMES.iter().any(|code| is_about(finding, *code));
        finding.code == Code::NotRecovered
            && (differs && is_outcome
                || lost_as_before && !is_outcome
                || codes.iter().any(|code| is_about(finding, *code)))
    };
    let before = findings.len();
    findings.retain(|finding| !is_explained(finding));
    if findings.is_empty() && before > 0 {
        under_fault.verdict = Verdict::Known(format!(
            "without the fault, the next job also ends in another way or fails ({})",
            repeated.case.id
        ));
    }
}

/// Returns the number of stored spans of the job after the first one.
fn span_count_of_next_job(observation: &Observation) -> usize {
    let next_job = observation.trial().and_then(|trial| trial.second_job.as_deref());
    next_job.map_or(0, |job| job.tables.spans.all().len())
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
