//! Further trials of a case that failed. A reason that one trial shows and the next one does not is no
//! reason.

use super::evidence::Evidence;
use super::facts::Facts;
use super::finding::Finding;
use crate::observation::Repetition;
use spanproof_format::{Code, Confidence};

/// Compares the findings about missing spans with those of further trials of the same case.
pub(super) fn compare(facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    let repetitions = facts.trial().map_or(&[][..], |trial| &trial.repetitions);
    let Some(first) = findings.iter().position(is_gap) else { return };
    let ran: Vec<&Repetition> =
        repetitions.iter().filter(|repetition| repetition.error.is_none()).collect();
    let complete = ran.iter().filter(|repetition| repetition.codes.is_empty()).count();
    let trials = repetitions.iter().map(|repetition| Evidence::Note(text(repetition)));
    findings[first].evidence.extend(trials);
    if complete > 0 {
        let message = format!(
            "{}; in {complete} of {} further trials of this case no span is missing",
            findings[first].message,
            ran.len()
        );
        let evidence = findings[first].evidence.clone();
        findings[first] = Finding::new(Code::Flaky, message, evidence);
        findings.retain(|finding| !is_gap(finding));
        return;
    }
    let code = findings[first].code;
    let differs = |repetition: &&&Repetition| !repetition.codes.contains(&code);
    if code != Code::Undetermined && ran.iter().filter(differs).count() > 0 {
        let finding = &mut findings[first];
        finding.message = format!(
            "it looks like {code}, and further trials of this case look different: {}",
            finding.message
        );
        (finding.code, finding.confidence) = (Code::Undetermined, Confidence::Undetermined);
    }
}

/// Whether a finding is about spans that are missing.
pub(super) fn is_gap(finding: &Finding) -> bool {
    !finding.alternatives.is_empty()
}

/// `another trial, with the witness: never-sent`
fn text(repetition: &Repetition) -> String {
    let with = if repetition.witness { ", with the witness" } else { "" };
    let codes: Vec<_> = repetition.codes.iter().map(|code| code.text()).collect();
    let result = match (&repetition.error, codes.as_slice()) {
        (Some(error), _) => format!("did not start: {error}"),
        (None, []) => "no span is missing".to_owned(),
        (None, codes) => codes.join(", "),
    };
    format!("another trial{with}: {result}")
}
