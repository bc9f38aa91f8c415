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
    decisive: &'static [&'static [Question]],
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
        ],
        unlikely_if: &[&[Q::OtherSpans, Q::OtherRoute]],
        supported_by: &[Q::Propagated, Q::OtherUnits],
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
    fn exclusion(&self, answers: &Answers) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn answers(yes: &[Question], no: &[Question]) -> Answers {
        let mut answers = Answers::default();
        for question in yes {
            answers.set(*question, Fact::yes("seen"));
        }
        for question in no {
            answers.set(*question, Fact::no("looked"));
        }
        answers
    }

    fn conclusion(yes: &[Question], no: &[Question]) -> (Option<Code>, Confidence) {
        let conclusion = conclude(&answers(yes, no));
        (conclusion.cause.map(|cause| cause.code), conclusion.confidence)
    }

    #[test]
    fn without_any_fact_nothing_is_concluded() {
        assert_eq!(conclusion(&[], &[]), (None, Confidence::Undetermined));
    }

    /// The decisive facts of a cause decide for it, or contradict those of another cause; they never
    /// decide for another cause.
    #[test]
    fn the_decisive_facts_of_a_cause_decide_for_no_other_cause() {
        for cause in CAUSES {
            for set in cause.decisive {
                let concluded = conclude(&answers(set, &[])).cause;
                let wrong = concluded.filter(|other| other.code != cause.code);
                assert_eq!(wrong, None, "{} by {set:?}", cause.code);
            }
        }
    }

    /// Two causes could be told apart in no way if they had the same requirements, exclusions and
    /// decisive facts.
    #[test]
    fn every_pair_of_causes_has_a_fact_that_separates_it() {
        for (index, one) in CAUSES.iter().enumerate() {
            for other in &CAUSES[index + 1..] {
                let separates = |question: &&Question| {
                    let of = |cause: &Cause| {
                        let state = |answers: &Answers| cause.exclusion(answers).is_some();
                        (state(&answers(&[**question], &[])), state(&answers(&[], &[**question])))
                    };
                    of(one) != of(other)
                };
                let found = Question::ALL.iter().find(separates);
                assert!(found.is_some(), "{} and {}", one.code, other.code);
            }
        }
    }

    /// Removing a fact may leave several causes; it never turns one certain cause into another one.
    #[test]
    fn a_fact_less_never_makes_another_cause_certain() {
        for cause in CAUSES {
            for set in cause.decisive {
                for left_out in *set {
                    let rest: Vec<_> = set.iter().copied().filter(|one| one != left_out).collect();
                    let (code, confidence) = conclusion(&rest, &[]);
                    let is_other = code.is_some_and(|code| code != cause.code);
                    assert!(!(is_other && confidence == Confidence::Certain), "{}", cause.code);
                }
            }
        }
    }

    #[rstest]
    #[case::acknowledged_and_not_witnessed(
        &[Q::Begun, Q::Acknowledged], &[Q::Refused, Q::Killed], None, Confidence::Undetermined
    )]
    #[case::another_route_records(
        &[Q::OtherRoute], &[Q::Reached, Q::Refused, Q::Undone, Q::Removed, Q::Discarded, Q::Poisoned,
        Q::Elsewhere, Q::Killed, Q::ExporterError],
        Some(Code::PathNotExecuted), Confidence::Likely
    )]
    #[case::silent_and_alone(
        &[], &[Q::Reached, Q::Refused, Q::Undone, Q::Removed, Q::Discarded, Q::Poisoned, Q::Elsewhere],
        None, Confidence::Undetermined
    )]
    #[case::other_lines_about_starts(
        &[Q::NoBeginLine, Q::BeginPatternWorks, Q::OtherStarts], &[],
        Some(Code::PathNotExecuted), Confidence::Certain
    )]
    #[case::begun_and_not_sent(
        &[Q::Begun, Q::Unsent], &[Q::Reached, Q::Refused, Q::Undone, Q::Removed, Q::Discarded,
        Q::Poisoned, Q::Elsewhere, Q::Killed, Q::ExporterError],
        Some(Code::NeverSent), Confidence::Certain
    )]
    #[case::rows_beside_a_missing_line(
        &[Q::NoBeginLine, Q::Reached, Q::Undone], &[],
        Some(Code::RolledBack), Confidence::Certain
    )]
    fn facts_leave_one_cause_or_several(
        #[case] yes: &[Question],
        #[case] no: &[Question],
        #[case] code: Option<Code>,
        #[case] confidence: Confidence,
    ) {
        assert_eq!(conclusion(yes, no), (code, confidence));
    }
}
