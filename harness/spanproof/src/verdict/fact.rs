//! Facts about a gap, which is a set of units of work that lack a span. A fact answers one question
//! with yes, no or unknown. The causes of a gap are judged by facts alone.

use std::collections::BTreeMap;

use super::evidence::Evidence;

/// The answer to a question about a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fact {
    /// Yes, with the evidence that shows it.
    Yes(Vec<Evidence>),
    /// No, with the control that shows that a yes would have been seen.
    No(Control),
    /// Unknown, with the reason.
    Unknown(String),
}

/// What shows that the evidence for a yes would have been seen if it existed, such as "the server's
/// log was read". Without a control, an absence proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Control(String);

impl Control {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl Fact {
    pub(super) fn no(control: impl Into<String>) -> Self {
        Self::No(Control::new(control))
    }

    pub(super) fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown(reason.into())
    }

    /// Yes without evidence of its own.
    pub(super) fn yes(text: impl Into<String>) -> Self {
        Self::Yes(vec![Evidence::Note(text.into())])
    }

    pub(super) fn is_yes(&self) -> bool {
        matches!(self, Self::Yes(_))
    }

    pub(super) fn is_no(&self) -> bool {
        matches!(self, Self::No(_))
    }
}

/// A question about a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Question {
    /// Does the service say that tracing is off?
    ClaimedOff,
    /// Does the same case with another value of the tracing flag record this span?
    OtherValue,
    /// Is there no startup line of the tracer?
    NoTracerLine,
    /// Did the pattern of the startup line match in another case?
    TracerPatternWorks,
    /// Did the service say that it began the missing spans?
    Begun,
    /// Did the service say that it began other spans in the same case?
    OtherStarts,
    /// Did the service print no line about the start of the missing spans?
    NoBeginLine,
    /// Did the pattern of such lines match elsewhere?
    BeginPatternWorks,
    /// Did the service say that it wrote the missing spans?
    Acknowledged,
    /// Did the service report that it could not write spans?
    Reported,
    /// Did an exporter report that it could not send spans to a collector?
    ExporterError,
    /// Is sampling switched off, or did the upstream receive a trace that is not sampled?
    SampledOut,
    /// Did the upstream receive a trace that is marked as not sampled?
    UnsampledHeader,
    /// Did the upstream receive a sampled trace that is not stored?
    Propagated,
    /// Did it receive such a trace, and none in a case without tracing?
    LostTraces,
    /// Do stored spans name the missing ones as their parents?
    Named,
    /// Did the requests of these units carry no trace, while those of other units did?
    Untraced,
    /// Is the tracing library switched off by a variable of its own?
    LibraryOff,
    /// Did statements that insert the missing spans reach the server?
    Reached,
    /// Did the spans begin and never reach the server?
    Unsent,
    /// Did the server refuse spans with an error?
    Refused,
    /// Did the server let no session of the tracer in?
    Denied,
    /// Were valid rows lost together with an invalid one?
    Poisoned,
    /// Were rows written in a transaction that did not commit?
    Undone,
    /// Were rows deleted later?
    Removed,
    /// Did the server take rows without an error and keep none?
    Discarded,
    /// Are rows in another table, schema or database?
    Elsewhere,
    /// Was the process killed or did it crash?
    Killed,
    /// Do the units of the gap have other spans?
    OtherSpans,
    /// Do other units of the same job have this span?
    OtherUnits,
    /// Does the same work have this span when it is submitted in another way?
    OtherRoute,
}

impl Question {
    #[cfg(test)]
    pub(super) const ALL: &[Self] = &[
        Self::ClaimedOff,
        Self::OtherValue,
        Self::NoTracerLine,
        Self::TracerPatternWorks,
        Self::Begun,
        Self::OtherStarts,
        Self::NoBeginLine,
        Self::BeginPatternWorks,
        Self::Acknowledged,
        Self::Reported,
        Self::ExporterError,
        Self::SampledOut,
        Self::UnsampledHeader,
        Self::Propagated,
        Self::LostTraces,
        Self::Named,
        Self::Untraced,
        Self::LibraryOff,
        Self::Reached,
        Self::Unsent,
        Self::Refused,
        Self::Denied,
        Self::Poisoned,
        Self::Undone,
        Self::Removed,
        Self::Discarded,
        Self::Elsewhere,
        Self::Killed,
        Self::OtherSpans,
        Self::OtherUnits,
        Self::OtherRoute,
    ];

    /// Describes a yes, in a few words.
    pub(super) fn yes(self) -> &'static str {
        match self {
            Self::ClaimedOff => "the service says that tracing is off",
            Self::OtherValue => "another value of the flag records this span",
            Self::NoTracerLine => "no startup line of a tracer",
            Self::TracerPatternWorks => "the startup line of the tracer is there in another case",
            Self::Begun => "the service began these spans",
            Self::OtherStarts => "the service began other spans",
            Self::NoBeginLine => "no line about the start of these spans",
            Self::BeginPatternWorks => "lines about the start of spans are there elsewhere",
            Self::Acknowledged => "the service acknowledges these spans",
            Self::Reported => "the service reports a failed write",
            Self::ExporterError => "an exporter reports an error",
            Self::SampledOut => "the trace is not sampled",
            Self::UnsampledHeader => "the upstream received a trace that is not sampled",
            Self::Propagated => "the upstream received a sampled trace that is not stored",
            Self::LostTraces => {
                "only with tracing on the upstream receives traces, and they are not stored"
            }
            Self::Named => "stored spans name these spans as their parents",
            Self::Untraced => "the requests of these units carried no trace",
            Self::LibraryOff => "the tracing library is switched off",
            Self::Reached => "inserts reached the server",
            Self::Unsent => "the spans began and no insert reached the server",
            Self::Refused => "the server refused spans",
            Self::Denied => "the server let no session in",
            Self::Poisoned => "valid rows failed together with an invalid one",
            Self::Undone => "rows were written and not committed",
            Self::Removed => "rows were deleted",
            Self::Discarded => "the server kept none of the rows that it took",
            Self::Elsewhere => "rows are in another place",
            Self::Killed => "the process was killed",
            Self::OtherSpans => "the same units have other spans",
            Self::OtherUnits => "other units of the job have this span",
            Self::OtherRoute => "the same work has this span in another case",
        }
    }
}

/// Every answer about one gap. A question without an answer is unknown.
#[derive(Debug, Clone, Default)]
pub(super) struct Answers(BTreeMap<Question, Fact>);

impl Answers {
    pub(super) fn set(&mut self, question: Question, fact: Fact) {
        self.0.insert(question, fact);
    }

    pub(super) fn get(&self, question: Question) -> Option<&Fact> {
        self.0.get(&question)
    }

    pub(super) fn is_yes(&self, question: Question) -> bool {
        self.get(question).is_some_and(Fact::is_yes)
    }

    pub(super) fn is_no(&self, question: Question) -> bool {
        self.get(question).is_some_and(Fact::is_no)
    }

    pub(super) fn is_unknown(&self, question: Question) -> bool {
        self.get(question).is_none_or(|fact| matches!(fact, Fact::Unknown(_)))
    }

    /// Returns the evidence of a yes; empty for another answer.
    pub(super) fn evidence(&self, question: Question) -> &[Evidence] {
        match self.get(question) {
            Some(Fact::Yes(evidence)) => evidence,
            _ => &[],
        }
    }
}
