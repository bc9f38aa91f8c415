//! Converts the result of one case into a [`format::CaseResult`] document.

use spanproof_format as format;
use spanproof_format::{Code, OffReason, count};

use crate::observation::{TrialRecord, spec_secrets};
use crate::spec::{Intent, Spec};
use crate::suite::CaseResult;
use crate::verdict::{Evidence, Judgement, Verdict, remarks};

/// Returns the document of one case.
pub(super) fn case(spec: &Spec, result: &CaseResult) -> format::CaseResult {
    let CaseResult { case, judgement, observation, folder, database_command, retries } = result;
    let trial = observation.as_ref().and_then(|observation| observation.trial());
    let mut document = format::CaseResult::new(case.clone().into(), judgement.into());
    document.settings = case.settings(spec);
    document.off_reason = off_reason(spec, result);
    document.peers = peers(judgement);
    let before_stop = trial.and_then(|trial| trial.spans_before_stop);
    document.spans_at_stop = before_stop.map_or(0, |before| {
        judgement.spans.saturating_sub(usize::try_from(before).unwrap_or(usize::MAX))
    });
    document.warnings = trial.map(warnings).unwrap_or_default();
    if let (Verdict::Pass, true, Some(observation)) =
        (&judgement.verdict, judgement.recording, observation)
    {
        document.warnings.extend(remarks(spec, observation));
    }
    let secrets = spec_secrets(spec);
    document.warnings.extend(retries.iter().map(|why| secrets.text(why)));
    document.evidence = folder.as_ref().map(|folder| folder.display().to_string());
    document.database_command.clone_from(database_command);
    document.timings = trial.map(|trial| trial.timings.clone()).unwrap_or_default();
    document
}

/// Returns warnings about events in a trial that are not evidence about the service.
fn warnings(trial: &TrialRecord) -> Vec<String> {
    let foreign_requests = trial.strangers.iter().map(|(process, requests)| {
        let requests = count(*requests, "request");
        format!(
            "{requests} to the fake upstream came from the process {process}, which does not belong to the \
             case; the answer was HTTP 403, and this does not count as evidence"
        )
    });
    foreign_requests.collect()
}

/// Returns the reason why a case that passed recorded no spans; `None` if it had to record spans, or
/// did not pass.
fn off_reason(spec: &Spec, result: &CaseResult) -> Option<OffReason> {
    let judgement = &result.judgement;
    if judgement.verdict != Verdict::Pass || judgement.recording {
        return None;
    }
    let intent = spec.tracing_flag().map(|flag| result.case.flag(&flag.name).intent());
    let on = intent == Some(Intent::On);
    Some(if on { OffReason::SpellingNotEnabled } else { OffReason::Off })
}

/// Returns the ids of a case's peers: the cases that it was compared with. The list is empty unless the
/// case has the code `outcome-changed-by-tracing` or `flag-ignored`.
fn peers(judgement: &Judgement) -> Vec<String> {
    let comparison_codes = [Code::OutcomeChangedByTracing, Code::FlagIgnored];
    if !judgement.codes().iter().any(|code| comparison_codes.contains(code)) {
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
        let finding = Finding::new(code, "m", evidence);
        Judgement { verdict: Verdict::Fail(vec![finding]), ..Judgement::broken("") }
    }

    #[test]
    fn the_other_compared_cases_are_peers() {
        assert_eq!(peers(&judgement(Code::OutcomeChangedByTracing)), ["0b", "0c"]);
        assert!(peers(&judgement(Code::Unlinked)).is_empty());
    }
}
