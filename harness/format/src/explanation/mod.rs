//! Explanations of codes: the evidence for and against each code, and its usual causes. `explain`
//! prints these texts, and `docs/codes.md` contains them.

mod early;
mod flag;
mod late;

use super::code::Code;

/// The explanation of a code, besides its meaning and its remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// Evidence for the code.
    pub supports: &'static [&'static str],
    /// Evidence against the code, often with the code that it supports instead.
    pub contradicts: &'static [&'static str],
    /// Usual causes, the most likely first.
    pub causes: &'static [&'static str],
    /// The experiment to run if the evidence fits several codes; `None` if no experiment is needed.
    pub experiment: Option<&'static str>,
}

impl Explanation {
    const fn new(
        supports: &'static [&'static str],
        contradicts: &'static [&'static str],
        causes: &'static [&'static str],
    ) -> Self {
        Self { supports, contradicts, causes, experiment: None }
    }
}

impl Code {
    /// Returns the evidence for and against the code, and its usual causes.
    pub fn explanation(self) -> Explanation {
        match self {
            Self::FlagUnset => early::FLAG_UNSET,
            Self::TracerNotConstructed => early::TRACER_NOT_CONSTRUCTED,
            Self::ProcessCrashed => early::PROCESS_CRASHED,
            Self::NeverReady => early::NEVER_READY,
            Self::FlagUnrecognisedValue => early::FLAG_UNRECOGNISED_VALUE,
            Self::FlagIgnored => flag::FLAG_IGNORED,
            Self::FlagWithoutEffect => flag::FLAG_WITHOUT_EFFECT,
            Self::FlagEffectWhileOff => flag::FLAG_EFFECT_WHILE_OFF,
            Self::JobNotPickedUp => early::JOB_NOT_PICKED_UP,
            Self::JobFailedEarly => early::JOB_FAILED_EARLY,
            Self::JobNotFinished => early::JOB_NOT_FINISHED,
            Self::BannerContradicts => early::BANNER_CONTRADICTS,
            Self::ClaimMissing => early::CLAIM_MISSING,
            Self::PathNotExecuted => early::PATH_NOT_EXECUTED,
            Self::SdkDisabled => early::SDK_DISABLED,
            Self::SampledOut => early::SAMPLED_OUT,
            Self::WrongAttributes => early::WRONG_ATTRIBUTES,
            Self::NeverSent => late::NEVER_SENT,
            Self::ExportFailed => late::EXPORT_FAILED,
            Self::WriteFailedReported => late::WRITE_FAILED_REPORTED,
            Self::WriteFailedSilent => late::WRITE_FAILED_SILENT,
            Self::BatchPoisoned => late::BATCH_POISONED,
            Self::WrongDestination => late::WRONG_DESTINATION,
            Self::RolledBack => late::ROLLED_BACK,
            Self::RemovedLater => late::REMOVED_LATER,
            Self::SilentlyDiscarded => late::SILENTLY_DISCARDED,
            Self::Undetermined => late::UNDETERMINED,
            Self::NotFinished => late::NOT_FINISHED,
            Self::LostAtExit => late::LOST_AT_EXIT,
            Self::ImpossibleTimes => late::IMPOSSIBLE_TIMES,
            Self::InvalidIds => late::INVALID_IDS,
            Self::Unlinked => late::UNLINKED,
            Self::StatusDisagrees => late::STATUS_DISAGREES,
            Self::BrokenTree => late::BROKEN_TREE,
            Self::Duplicate => late::DUPLICATE,
            Self::LeakedWhileOff => late::LEAKED_WHILE_OFF,
            Self::RecordingStopped => late::RECORDING_STOPPED,
            Self::Flaky => late::FLAKY,
            Self::NotRecovered => late::NOT_RECOVERED,
            Self::OutcomeChangedByTracing => late::OUTCOME_CHANGED_BY_TRACING,
            Self::SlowedByTracing => late::SLOWED_BY_TRACING,
            Self::ExpectedFailurePassed => late::EXPECTED_FAILURE_PASSED,
            Self::UnexpectedRequest => late::UNEXPECTED_REQUEST,
            Self::NotStopped => late::NOT_STOPPED,
            Self::ProcessesLeft => late::PROCESSES_LEFT,
            Self::Unknown => Explanation::new(&[], &[], &[]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_evidence_for_and_against_it_and_causes() {
        for code in Code::ALL {
            let Explanation { supports, contradicts, causes, .. } = code.explanation();
            for items in [supports, contradicts, causes] {
                assert!(!items.is_empty() && items.iter().all(|item| item.len() > 10), "{code}");
            }
        }
    }

    #[test]
    fn explanation_of_undetermined_names_the_witness_experiment() {
        let experiment = Code::Undetermined.explanation().experiment.unwrap();
        assert!(experiment.contains("--witness"), "{experiment}");
    }

    #[test]
    fn explanations_name_only_existing_codes() {
        let code_like = regex::Regex::new("`([a-z]+(?:-[a-z]+)+)`").unwrap();
        // Keys of a spec that look like codes.
        let keys = ["grace-ms", "not-ended", "settle-ms", "timeout-ms"];
        for code in Code::ALL {
            let Explanation { supports, contradicts, causes, .. } = code.explanation();
            let items = [supports, contradicts, causes].concat();
            for name in items.iter().flat_map(|item| code_like.captures_iter(item)) {
                let known = name[1].parse::<Code>().is_ok() || keys.contains(&&name[1]);
                assert!(known, "the explanation of {code} names `{}`", &name[1]);
            }
        }
    }
}
