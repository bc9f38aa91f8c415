//! The causes that can explain a gap, and the choice among them. A unit is one part of a job; a gap is
//! the set of units that lack spans of one name. Facts are answers (yes, no, unknown) to questions
//! about the gap. No cause gets a score: a fact excludes it, proves it, or does not concern it.

use super::fact::{Answers, Fact, Question};
use Question as Q;
use spanproof_format::{Alternative, Code, Confidence};

/// A cause that can explain a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cause {
    /// The code of a finding with this cause. Exception: if the service reports that writes failed, a finding
    /// with the cause `WriteFailedSilent` gets the code `WriteFailedReported`.
    pub code: Code,
    /// A no to any of these excludes the cause.
    requires: &'static [Question],
    /// A yes to any of these excludes the cause.
    excluded_by: &'static [Question],
    /// A yes to any question in these lists excludes the cause if the answer to one of `requires` is
    /// unknown: another cause is then more plausible.
    unlikely_if: &'static [&'static [Question]],
    /// A yes to any of these makes `unlikely_if` void.
    supported_by: &'static [Question],
    /// A yes to any of these replaces a yes to all of `requires`, but does not prove the cause.
    pub(super) sufficient: &'static [Question],
    /// Sets of questions. A yes to all questions of one set proves the cause.
    pub(super) decisive: &'static [&'static [Question]],
}

/// Questions to which a yes shows that this process has a tracer that handled spans.
const TRACER_WORKED: &[Question] = &[
    Q::Begun,
    Q::OtherStarts,
    Q::Acknowledged,
    Q::Reported,
    Q::ExporterError,
    Q::Reached,
    Q::Refused,
    Q::Unended,
    Q::Arriving,
    Q::Denied,
    Q::Undone,
    Q::Removed,
    Q::Discarded,
    Q::Elsewhere,
    Q::OtherSpans,
    Q::OtherUnits,
    Q::LostTraces,
    Q::ChildrenBegun,
];

/// The cause from which `CAUSES` takes the fields that an entry leaves out: no fact excludes or proves it.
const DEFAULT: Cause = Cause {
    code: Code::Undetermined,
    requires: &[],
    excluded_by: &[],
    unlikely_if: &[],
    supported_by: &[],
    sufficient: &[],
    decisive: &[],
};

/// Questions to which a yes makes it plausible that the span never began. It was then not lost on its way to
/// the table.
const NEVER_BEGAN: &[Question] =
    &[Q::ClaimedOff, Q::OtherValue, Q::NoTracerLine, Q::LibraryOff, Q::SampledOut, Q::NoBeginLine];

/// Every cause. Unknown answers exclude no cause by themselves.
pub(super) const CAUSES: &[Cause] = &[
    Cause {
        code: Code::FlagUnrecognisedValue,
        requires: &[Q::ClaimedOff],
        excluded_by: TRACER_WORKED,
        unlikely_if: &[&[Q::NoTracerLine, Q::LibraryOff, Q::SampledOut, Q::OtherRoute]],
        supported_by: &[Q::OffElsewhere],
        decisive: &[&[Q::ClaimedOff], &[Q::OtherValue]],
        ..DEFAULT
    },
    Cause {
        code: Code::TracerNotConstructed,
        requires: &[Q::NoTracerLine],
        excluded_by: TRACER_WORKED,
        unlikely_if: &[&[
            Q::ClaimedOff,
            Q::OtherValue,
            Q::LibraryOff,
            Q::SampledOut,
            Q::NoBeginLine,
            Q::OtherRoute,
        ]],
        decisive: &[&[Q::NoTracerLine, Q::TracerPatternWorks]],
        ..DEFAULT
    },
    Cause {
        code: Code::SdkDisabled,
        requires: &[Q::LibraryOff],
        excluded_by: TRACER_WORKED,
        unlikely_if: &[&[
            Q::ClaimedOff,
            Q::OtherValue,
            Q::NoTracerLine,
            Q::SampledOut,
            Q::NoBeginLine,
            Q::OtherRoute,
        ]],
        // No fact proves this cause: the service may have a tracer that ignores the variable.
        ..DEFAULT
    },
    Cause {
        code: Code::SampledOut,
        requires: &[Q::SampledOut],
        excluded_by: &[
            Q::Unsent,
            Q::ClaimedOff,
            Q::Reached,
            Q::Refused,
            Q::Denied,
            Q::Elsewhere,
            Q::ExporterError,
            Q::Untraced,
        ],
        unlikely_if: &[&[
            Q::OtherValue,
            Q::NoTracerLine,
            Q::LibraryOff,
            Q::NoBeginLine,
            Q::OtherRoute,
            Q::Killed,
            Q::Reported,
        ]],
        supported_by: &[Q::OtherUnits],
        decisive: &[&[Q::SampledOut, Q::UnsampledHeader]],
        ..DEFAULT
    },
    Cause {
        code: Code::PathNotExecuted,
        requires: &[Q::NoBeginLine],
        excluded_by: &[
            Q::ClaimedOff,
            Q::OtherValue,
            Q::NoTracerLine,
            Q::Begun,
            Q::Acknowledged,
            Q::Reached,
            Q::Refused,
            Q::Denied,
            Q::Elsewhere,
            Q::SampledOut,
            Q::LibraryOff,
            Q::ExporterError,
            Q::Killed,
            Q::LostTraces,
        ],
        // A queue that reports dropped spans received some, so spans began.
        unlikely_if: &[&[Q::Unsent, Q::ChildrenBegun]],
        decisive: &[&[Q::NoBeginLine, Q::BeginPatternWorks]],
        ..DEFAULT
    },
    Cause {
        code: Code::WriteFailedSilent,
        requires: &[Q::Refused],
        excluded_by: &[Q::Poisoned, Q::Elsewhere, Q::Undone, Q::Removed, Q::Discarded],
        unlikely_if: &[NEVER_BEGAN, &[Q::ExporterError]],
        // A refused connection proves nothing: it may be one of another part of the service.
        sufficient: &[Q::Denied],
        decisive: &[&[Q::Refused], &[Q::Unended], &[Q::Reported]],
        ..DEFAULT
    },
    Cause {
        code: Code::ExportFailed,
        requires: &[Q::ExporterError],
        excluded_by: &[Q::Elsewhere, Q::Refused, Q::Denied, Q::Reached],
        unlikely_if: &[NEVER_BEGAN, &[Q::Reported]],
        decisive: &[&[Q::ExporterError]],
        ..DEFAULT
    },
    Cause {
        code: Code::NeverSent,
        requires: &[Q::Unsent],
        excluded_by: &[
            Q::ClaimedOff,
            Q::NoTracerLine,
            Q::NoBeginLine,
            Q::Reached,
            Q::Refused,
            Q::Denied,
            Q::Reported,
            Q::ExporterError,
            Q::Elsewhere,
            Q::SampledOut,
            Q::LibraryOff,
            Q::Killed,
            Q::Untraced,
        ],
        unlikely_if: &[&[Q::OtherRoute]],
        supported_by: &[
            Q::Begun,
            Q::Propagated,
            Q::OtherUnits,
            Q::OtherSpans,
            Q::Named,
            Q::ChildrenBegun,
        ],
        decisive: &[&[Q::Unsent]],
        ..DEFAULT
    },
    Cause {
        code: Code::LostAtExit,
        requires: &[Q::Killed],
        excluded_by: &[Q::Reached, Q::Refused, Q::Denied, Q::Elsewhere, Q::LibraryOff],
        unlikely_if: &[NEVER_BEGAN, &[Q::Reported]],
        // Spans that had not arrived when the service was stopped may be lost because of the stop, or for a
        // different reason.
        sufficient: &[Q::Arriving],
        decisive: &[&[Q::Killed, Q::Begun], &[Q::Killed, Q::Unsent]],
        ..DEFAULT
    },
    Cause {
        code: Code::BatchPoisoned,
        requires: &[Q::Poisoned],
        excluded_by: &[Q::Elsewhere, Q::Denied],
        unlikely_if: &[NEVER_BEGAN, &[Q::ExporterError]],
        decisive: &[&[Q::Poisoned]],
        ..DEFAULT
    },
    Cause {
        code: Code::RolledBack,
        requires: &[Q::Undone],
        excluded_by: &[
            Q::Elsewhere,
            Q::Refused,
            Q::Unended,
            Q::Denied,
            Q::Removed,
            Q::Discarded,
            Q::Reported,
        ],
        unlikely_if: &[NEVER_BEGAN, &[Q::ExporterError]],
        decisive: &[&[Q::Undone]],
        ..DEFAULT
    },
    Cause {
        code: Code::RemovedLater,
        requires: &[Q::Removed],
        excluded_by: &[Q::Elsewhere, Q::Refused, Q::Denied, Q::Undone, Q::Discarded, Q::Reported],
        unlikely_if: &[NEVER_BEGAN, &[Q::ExporterError, Q::Unended]],
        decisive: &[&[Q::Removed]],
        ..DEFAULT
    },
    Cause {
        code: Code::SilentlyDiscarded,
        requires: &[Q::Discarded],
        excluded_by: &[
            Q::Elsewhere,
            Q::Refused,
            Q::Unended,
            Q::Denied,
            Q::Undone,
            Q::Removed,
            Q::Reported,
        ],
        unlikely_if: &[NEVER_BEGAN, &[Q::ExporterError]],
        decisive: &[&[Q::Discarded]],
        ..DEFAULT
    },
    Cause {
        code: Code::WrongDestination,
        requires: &[Q::Elsewhere],
        unlikely_if: &[NEVER_BEGAN, &[Q::Reported]],
        decisive: &[&[Q::Elsewhere]],
        ..DEFAULT
    },
];

/// Why the spans of a gap are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conclusion {
    /// The cause; `None` if the facts fit several causes, or none.
    pub cause: Option<&'static Cause>,
    pub confidence: Confidence,
    /// All other causes: the possible ones first, then the excluded ones, each with the reason.
    pub alternatives: Vec<Alternative>,
}

impl Cause {
    /// Returns why the facts exclude this cause; `None` if they do not.
    pub(super) fn exclusion(&self, answers: &Answers) -> Option<String> {
        if let Some(question) = self.excluded_by.iter().find(|question| answers.is_yes(**question))
        {
            return Some(question.yes().to_owned());
        }
        let is_sufficient = self.sufficient.iter().any(|question| answers.is_yes(*question));
        if is_sufficient || self.is_proven(answers) {
            return None;
        }
        for question in self.requires {
            if let Some(Fact::No(control)) = answers.get(*question) {
                return Some(control.text().to_owned());
            }
        }
        let lacks_answer = self.requires.iter().any(|question| answers.is_unknown(*question));
        let is_supported = self.supported_by.iter().any(|question| answers.is_yes(*question));
        if !lacks_answer || is_supported {
            return None;
        }
        let mut unlikely_if = self.unlikely_if.iter().copied().flatten();
        let reason = unlikely_if.find(|question| answers.is_yes(**question))?;
        Some(reason.yes().to_owned())
    }

    /// Whether the facts prove this cause.
    fn is_proven(&self, answers: &Answers) -> bool {
        self.decisive.iter().any(|set| set.iter().all(|question| answers.is_yes(*question)))
    }
}

/// Returns the cause of a gap if the facts exclude all other causes.
pub(super) fn conclude(answers: &Answers) -> Conclusion {
    let mut possible: Vec<&'static Cause> = Vec::new();
    let mut excluded = Vec::new();
    for cause in CAUSES {
        match cause.exclusion(answers) {
            None => possible.push(cause),
            Some(reason) => excluded.push(Alternative::excluded(cause.code, reason)),
        }
    }
    let (cause, confidence) = match possible[..] {
        [cause] if cause.is_proven(answers) => (Some(cause), Confidence::Certain),
        [cause] => (Some(cause), Confidence::Likely),
        _ => (None, Confidence::Undetermined),
    };
    let others = possible.iter().filter(|other| Some(**other) != cause);
    let mut alternatives: Vec<_> = others.map(|other| Alternative::possible(other.code)).collect();
    alternatives.extend(excluded);
    Conclusion { cause, confidence, alternatives }
}
