//! Compares a failed case with further trials of the same case. A trial is one run of the service. If
//! the trials show different reasons for missing spans, no reason is certain.

use super::evidence::Evidence;
use super::facts::Facts;
use super::finding::Finding;
use super::longer_wait::shows_late_spans;
use crate::observation::Repetition;
use spanproof_format::{Code, Confidence};

/// Begins the next step in the message of an undetermined finding.
const NEXT_STEP: &str = "; to decide, ";

/// Compares the findings about missing spans with those of further trials of the same case. If no span
/// is missing in some of these trials, the finding becomes `flaky`. If the reasons differ, it becomes
/// `undetermined`.
pub(super) fn compare_trials(facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    let repetitions = facts.trial().map_or(&[][..], |trial| &trial.repetitions);
    let Some(first) = findings.iter().position(Finding::is_about_missing_spans) else { return };
    let is_comparable = |repetition: &&Repetition| {
        repetition.error.is_none() && !shows_late_spans(facts, repetition)
    };
    let started: Vec<&Repetition> = repetitions.iter().filter(is_comparable).collect();
    let with_all_spans = started.iter().filter(|repetition| repetition.codes.is_empty()).count();
    let trials = repetitions.iter().map(|repetition| Evidence::Note(describe(repetition)));
    findings[first].evidence.extend(trials);
    if with_all_spans > 0 {
        // The trial that would decide has run.
        let message = &findings[first].message;
        let message = message.split_once(NEXT_STEP).map_or(message.as_str(), |(what, _)| what);
        let message = format!(
            "{message}; in {with_all_spans} of {} further trials of this case no span is missing",
            started.len()
        );
        let evidence = findings[first].evidence.clone();
        findings[first] = Finding::new(Code::Flaky, message, evidence);
        findings.retain(|finding| !finding.is_about_missing_spans());
        return;
    }
    let code = findings[first].code;
    let has_other_reason = |repetition: &&Repetition| {
        let codes = &repetition.codes;
        // The trial that waited longer was judged without the other cases, which may decide the reason.
        let is_open = repetition.longer_wait.is_some() && codes.contains(&Code::Undetermined);
        !codes.contains(&code) && !is_open
    };
    if code != Code::Undetermined && started.iter().any(has_other_reason) {
        let finding = &mut findings[first];
        finding.message = format!(
            "it looks like {code}, but further trials of this case show other reasons: {}",
            finding.message
        );
        (finding.code, finding.confidence) = (Code::Undetermined, Confidence::Undetermined);
    }
}

/// Describes a further trial, such as `another trial, with the witness: never-sent`.
fn describe(repetition: &Repetition) -> String {
    let with = match (repetition.witness, repetition.longer_wait) {
        (true, _) => ", with the witness".to_owned(),
        (false, Some(wait)) => format!(", which waited {} ms for spans", wait.waited_ms),
        (false, None) => String::new(),
    };
    let codes: Vec<_> = repetition.codes.iter().map(|code| code.text()).collect();
    let result = match (&repetition.error, codes.as_slice()) {
        (Some(error), _) => format!("did not start: {error}"),
        (None, []) => "no span is missing".to_owned(),
        (None, codes) => codes.join(", "),
    };
    format!("another trial{with}: {result}")
}
