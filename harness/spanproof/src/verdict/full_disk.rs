//! Adds a possible reason if the service prints that a file system is full: this may be why spans are
//! missing, or why a job failed, whatever else the evidence suggests.

use super::evidence::{Evidence, limit};
use super::facts::Facts;
use super::finding::Finding;
use crate::observation::FULL_DISK;
use spanproof_format::{Code, Confidence};

/// Returns the lines in which the service says that a file system is full.
pub(super) fn lines(facts: &Facts<'_>) -> Vec<Evidence> {
    let lines = facts.observation.lines().into_iter();
    let lines = lines.filter(|line| FULL_DISK.iter().any(|text| line.text.contains(text)));
    limit(lines.map(Evidence::from))
}

/// Adds the lines to the findings that a full file system may explain: those about missing spans, and about a
/// job that failed or did not end. A finding about missing spans becomes undetermined, unless its evidence
/// already has one of these lines or an error of the database server. Returns whether the message of the
/// first finding changed.
pub(super) fn explain(lines: &[Evidence], findings: &mut [Finding]) -> bool {
    let first = findings.first().map(|finding| finding.message.clone());
    for finding in findings.iter_mut() {
        let is_about_spans = finding.is_about_missing_spans();
        if !is_about_spans && !is_about_job(finding.code) {
            continue;
        }
        let has_lines = lines.iter().any(|line| finding.evidence.contains(line));
        let is_of_server = |one: &Evidence| matches!(one, Evidence::ServerLog(_));
        if is_about_spans && !has_lines && !finding.evidence.iter().any(is_of_server) {
            let looks = match finding.code {
                Code::Undetermined => format!("{};", finding.message),
                code => format!("it looks like {code}, but"),
            };
            finding.message = format!(
                "{looks} the service prints that a file system is full, which may be the reason; free some space, \
                 and run again"
            );
            (finding.code, finding.confidence) = (Code::Undetermined, Confidence::Undetermined);
        }
        let missing = lines.iter().filter(|line| !finding.evidence.contains(line));
        let missing: Vec<_> = missing.cloned().collect();
        finding.evidence.splice(0..0, missing);
    }
    findings.first().map(|finding| &finding.message) != first.as_ref()
}

/// Whether a finding is about a job that did not end as it should.
fn is_about_job(code: Code) -> bool {
    let codes =
        [Code::JobFailedEarly, Code::JobNotFinished, Code::JobNotPickedUp, Code::ProcessCrashed];
    codes.contains(&code)
}
