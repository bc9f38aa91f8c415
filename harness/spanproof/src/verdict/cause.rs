//! The causes that can explain a gap (units of work that lack a span), and the choice among them.
//! Nothing is weighed: a fact excludes a cause, decides for it, or says nothing about it.

use super::fact::{Answers, Fact, Question};
use Question as Q;
use spanproof_format::{Alternative, Code, Confidence};

/// What can explain a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cause {
    /// Its code. A failed write has another code if the service reports it.
    pub code: Code,
    /// Questions of which none may be answered with no.
    requires: &'static [Question],
    /// Questions of which none may be answered with yes.
    excluded_by: &'static [Question],
    /// Lists of questions. If one of these is answered with yes, an unknown requirement counts as a no:
    /// there is no reason to suspect this cause.
    unlikely_if: &'static [&'static [Question]],
    /// If one of these is answered with yes, there is a reason to suspect this cause after all.
    supported_by: &'static [Question],
    /// Sets of questions. If all of one set are answered with yes, the cause is certain.
    pub(super) decisive: &'static [&'static [Question]],
}

/// Answers that show that a tracer exists and handled spans in this process.
const TRACED: &[Question] = &[
    Q::Begun,
    Q::OtherStarts,
    Q::Acknowledged,
    Q::Reported,
    Q::ExporterError,
    Q::Reached,
    Q::Refused,
    Q::Denied,
    Q::Undone,
    Q::Removed,
    Q::Discarded,
    Q::Elsewhere,
    Q::OtherSpans,
    Q::OtherUnits,
    Q::LostTraces,
];

/// A cause that nothing requires, excludes or decides, to be completed by each cause.
const POSSIBLE: Cause = Cause {
    code: Code::Undetermined,
    requires: &[],
    excluded_by: &[],
    unlikely_if: &[],
    supported_by: &[],
    decisive: &[],
};

/// Answers after which there is no reason to suspect that a span was lost on its way to the table.
const EARLIER: &[Question] =
    &[Q::ClaimedOff, Q::OtherValue, Q::NoTracerLine, Q::LibraryOff, Q::SampledOut, Q::NoBeginLine];

/// Every cause. A cause whose requirement is unknown stays possible.
pub(super) const CAUSES: &[Cause] = &[
    Cause {
        code: Code::FlagUnrecognisedValue,
        requires: &[Q::ClaimedOff],
        excluded_by: TRACED,
        unlikely_if: &[&[Q::NoTracerLine, Q::LibraryOff, Q::SampledOut, Q::OtherRoute]],
        decisive: &[&[Q::ClaimedOff], &[Q::OtherValue]],
        ..POSSIBLE
    },
    Cause {
        code: Code::TracerNotConstructed,
        requires: &[Q::NoTracerLine],
        excluded_by: TRACED,
        unlikely_if: &[&[
            Q::ClaimedOff,
            Q::OtherValue,
            Q::LibraryOff,
            Q::SampledOut,
            Q::NoBeginLine,
            Q::OtherRoute,
        ]],
        decisive: &[&[Q::NoTracerLine, Q::TracerPatternWorks]],
        ..POSSIBLE
    },
    Cause {
        code: Code::SdkDisabled,
        requires: &[Q::LibraryOff],
        excluded_by: TRACED,
        unlikely_if: &[&[
            Q::ClaimedOff,
            Q::OtherValue,
            Q::NoTracerLine,
            Q::SampledOut,
            Q::NoBeginLine,
            Q::OtherRoute,
        ]],
        // Nothing decides: a service may have a tracer that does not know the variable.
        ..POSSIBLE
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
            Q::OtherSpans,
            Q::OtherRoute,
            Q::Killed,
            Q::Reported,
        ]],
        supported_by: &[Q::OtherUnits],
        decisive: &[&[Q::SampledOut, Q::UnsampledHeader]],
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
        decisive: &[&[Q::NoBeginLine, Q::BeginPatternWorks]],
        ..POSSIBLE
    },
    Cause {
        code: Code::WriteFailedSilent,
        requires: &[Q::Refused],
        excluded_by: &[Q::Poisoned, Q::Elsewhere, Q::Undone, Q::Removed, Q::Discarded],
        unlikely_if: &[EARLIER, &[Q::ExporterError]],
        decisive: &[&[Q::Refused], &[Q::Denied], &[Q::Reported]],
        ..POSSIBLE
    },
    Cause {
        code: Code::ExportFailed,
        requires: &[Q::ExporterError],
        excluded_by: &[Q::Elsewhere, Q::Refused, Q::Denied, Q::Reached],
        unlikely_if: &[EARLIER, &[Q::Reported]],
        decisive: &[&[Q::ExporterError]],
        ..POSSIBLE
    },
    Cause {
        code: Code::NeverSent,
        requires: &[Q::Unsent],
        excluded_by: &[
            Q::ClaimedOff,
            Q::OtherValue,
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
        unlikely_if: &[&[Q::OtherSpans, Q::OtherRoute]],
        supported_by: &[Q::Propagated, Q::OtherUnits, Q::Named],
        decisive: &[&[Q::Unsent]],
    },
    Cause {
        code: Code::LostAtExit,
        requires: &[Q::Killed],
        excluded_by: &[Q::Reached, Q::Refused, Q::Denied, Q::Elsewhere, Q::LibraryOff],
        unlikely_if: &[EARLIER, &[Q::Reported]],
        decisive: &[&[Q::Killed, Q::Begun], &[Q::Killed, Q::Unsent]],
        ..POSSIBLE
    },
    Cause {
        code: Code::BatchPoisoned,
        requires: &[Q::Poisoned],
        excluded_by: &[Q::Elsewhere, Q::Denied],
        unlikely_if: &[EARLIER, &[Q::ExporterError]],
        decisive: &[&[Q::Poisoned]],
        ..POSSIBLE
    },
    Cause {
        code: Code::RolledBack,
        requires: &[Q::Undone],
        excluded_by: &[Q::Elsewhere, Q::Refused, Q::Denied, Q::Removed, Q::Discarded, Q::Reported],
        unlikely_if: &[EARLIER, &[Q::ExporterError]],
        decisive: &[&[Q::Undone]],
        ..POSSIBLE
    },
    Cause {
        code: Code::RemovedLater,
        requires: &[Q::Removed],
        excluded_by: &[Q::Elsewhere, Q::Refused, Q::Denied, Q::Undone, Q::Discarded, Q::Reported],
        unlikely_if: &[EARLIER, &[Q::ExporterError]],
        decisive: &[&[Q::Removed]],
        ..POSSIBLE
    },
    Cause {
        code: Code::SilentlyDiscarded,
        requires: &[Q::Discarded],
        excluded_by: &[Q::Elsewhere, Q::Refused, Q::Denied, Q::Undone, Q::Removed, Q::Reported],
        unlikely_if: &[EARLIER, &[Q::ExporterError]],
        decisive: &[&[Q::Discarded]],
        ..POSSIBLE
    },
    Cause {
        code: Code::WrongDestination,
        requires: &[Q::Elsewhere],
        unlikely_if: &[EARLIER, &[Q::Reported]],
        decisive: &[&[Q::Elsewhere]],
        ..POSSIBLE
    },
];

/// The answer to why spans are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conclusion {
    /// The cause; `None` if the facts fit several causes, or none.
    pub cause: Option<&'static Cause>,
    pub confidence: Confidence,
    /// The causes that are still possible besides, and those that are excluded, with the reason.
    pub alternatives: Vec<Alternative>,
}

impl Cause {
    /// Returns why the facts exclude this cause; `None` if they do not.
    pub(super) fn exclusion(&self, answers: &Answers) -> Option<String> {
        if let Some(question) = self.excluded_by.iter().find(|question| answers.is_yes(**question))
        {
            return Some(question.yes().to_owned());
        }
        if self.is_decided(answers) {
            return None;
        }
        for question in self.requires {
            if let Some(Fact::No(control)) = answers.get(*question) {
                return Some(control.text().to_owned());
            }
        }
        let is_unknown = self.requires.iter().any(|question| answers.is_unknown(*question));
        if self.supported_by.iter().any(|question| answers.is_yes(*question)) {
            return None;
        }
        let against =
            self.unlikely_if.iter().copied().flatten().find(|question| answers.is_yes(**question));
        against.filter(|_| is_unknown).map(|question| question.yes().to_owned())
    }

    fn is_decided(&self, answers: &Answers) -> bool {
        self.decisive.iter().any(|set| set.iter().all(|question| answers.is_yes(*question)))
    }
}

/// Concludes from the facts which cause explains a gap.
pub(super) fn conclude(answers: &Answers) -> Conclusion {
    let mut survivors: Vec<&'static Cause> = Vec::new();
    let mut excluded = Vec::new();
    for cause in CAUSES {
        match cause.exclusion(answers) {
            None => survivors.push(cause),
            Some(reason) => excluded.push(Alternative::excluded(cause.code, reason)),
        }
    }
    let (cause, confidence) = match survivors[..] {
        [cause] if cause.is_decided(answers) => (Some(cause), Confidence::Certain),
        [cause] => (Some(cause), Confidence::Likely),
        _ => (None, Confidence::Undetermined),
    };
    let others = survivors.iter().filter(|other| Some(**other) != cause);
    let mut alternatives: Vec<_> = others.map(|other| Alternative::possible(other.code)).collect();
    alternatives.extend(excluded);
    Conclusion { cause, confidence, alternatives }
}
