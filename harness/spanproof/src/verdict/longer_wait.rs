//! Compares a case that lacks spans with a further trial that waited longer for them. A trial is one run
//! of the service. If the spans are stored later than `flush-ms` after the job, they began, and the stop of
//! the service lost them in the first trial.

use super::evidence::Evidence;
use super::facts::Facts;
use super::finding::Finding;
use crate::observation::Repetition;
use spanproof_format::{Alternative, Code, Confidence, LongerWait, count_phrase};

/// Whether a finding about missing spans would not hold if they were stored later.
pub(super) fn may_be_late(finding: &Finding) -> bool {
    if !finding.is_about_missing_spans() {
        return false;
    }
    let (code, confidence, possible) = finding.causes();
    let is_late = |code: &Code| [Code::NeverSent, Code::LostAtExit].contains(code);
    code == Code::NeverSent
        || confidence != Confidence::Certain && possible.iter().chain([&code]).any(is_late)
}

/// Whether the trial waited longer for spans, and was then complete later than the first trial was stopped.
pub(super) fn shows_late_spans(facts: &Facts<'_>, repetition: &Repetition) -> bool {
    let Some(wait) = repetition.longer_wait else { return false };
    repetition.error.is_none() && repetition.codes.is_empty() && is_later(facts, wait)
}

/// Whether the trial waited longer for spans than the first trial did.
fn is_later(facts: &Facts<'_>, wait: LongerWait) -> bool {
    wait.waited_ms > first_wait_ms(facts).unwrap_or(u64::MAX)
}

/// Milliseconds that the first trial waited for spans; `None` if it did not wait.
fn first_wait_ms(facts: &Facts<'_>) -> Option<u64> {
    Some(facts.trial()?.timings.get("flush")? / 1000)
}

/// Corrects the findings about missing spans if a trial that waited longer has more spans.
pub(super) fn compare_longer_wait(facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    let repetitions = facts.trial().map_or(&[][..], |trial| &trial.repetitions);
    let Some(first) = findings.iter().position(may_be_late) else { return };
    let late = repetitions.iter().find(|repetition| shows_late_spans(facts, repetition));
    if let Some(wait) = late.and_then(|repetition| repetition.longer_wait) {
        let finding = lost_at_exit(facts, wait, &findings[first]);
        findings.retain(|finding| !may_be_late(finding));
        findings.insert(0, finding);
        return;
    }
    let has_more = |wait: &LongerWait| is_later(facts, *wait) && wait.spans > facts.spans.len();
    let mut waits = repetitions.iter().filter_map(|repetition| repetition.longer_wait);
    if let Some(wait) = waits.find(has_more) {
        for finding in findings.iter_mut().filter(|finding| may_be_late(finding)) {
            make_undetermined(facts, wait, finding);
        }
    }
}

/// The finding for spans that the service writes only if it is not stopped before.
fn lost_at_exit(facts: &Facts<'_>, wait: LongerWait, before: &Finding) -> Finding {
    let units = count_phrase(facts.units.len(), "unit", "units");
    let message = format!(
        "{units} left {} within {} ms after the job, and the service stored no more when it was stopped; in another \
         trial, which waited longer, all spans were stored {} ms after the job: the service writes spans later than \
         `flush-ms`, and loses them if it stops before that",
        count_phrase(facts.spans.len(), "span", "spans"),
        first_wait_ms(facts).unwrap_or_default(),
        wait.waited_ms,
    );
    let next = "next: let the service write its spans when it stops. If spans may be that late, raise `flush-ms`";
    let mut evidence = before.evidence.clone();
    evidence.push(Evidence::Note(next.to_owned()));
    let mut finding = Finding::new(Code::LostAtExit, message, evidence);
    let why = "in another trial the spans are stored later";
    let codes = before.alternatives.iter().map(|other| other.code);
    let others = std::iter::once(before.code)
        .chain(codes)
        .filter(|code| ![Code::LostAtExit, Code::Undetermined].contains(code));
    finding.alternatives = others.map(|code| Alternative::excluded(code, why.to_owned())).collect();
    finding
}

/// Makes a finding undetermined: in another trial, which waited longer, some more spans are stored.
fn make_undetermined(facts: &Facts<'_>, wait: LongerWait, finding: &mut Finding) {
    let code = finding.code;
    let looks = match code {
        Code::Undetermined => String::new(),
        _ => format!("it looks like {code}, but "),
    };
    let message = format!(
        "{looks}another trial, which waited up to {} ms for spans, has {} and not {}: raise `flush-ms` to decide; {}",
        wait.limit_ms,
        count_phrase(wait.spans, "span", "spans"),
        facts.spans.len(),
        finding.message
    );
    finding.alternatives.retain(|other| other.code != Code::LostAtExit);
    finding.alternatives.insert(0, Alternative::possible(Code::LostAtExit));
    finding.make_undetermined(message);
}
