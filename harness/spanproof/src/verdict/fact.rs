//! Facts about a gap. A unit is one part of a job; a gap is the set of units that lack spans of one
//! name. A fact answers one question about the gap with yes, no or unknown. The cause of the gap
//! follows from these answers alone.

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

/// The reason why evidence for a yes would have been seen if there were any, such as "the server's
/// log was read". Without such a reason, missing evidence proves nothing.
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

    /// Yes, with a text as its evidence.
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

/// A question about a gap. "The missing spans" are those of the gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Question {
    /// Did the service print at startup that tracing is off?
    ClaimedOff,
    /// Are these spans stored if the tracing flag has another value, and all else is the same?
    OtherValue,
    /// Did the service print no startup line about its tracer?
    NoTracerLine,
    /// Did the spec's pattern for the tracer's startup line match in another case?
    TracerPatternWorks,
    /// Did the service print that it began the missing spans?
    Begun,
    /// Did the service print that it began other spans in this case?
    OtherStarts,
    /// Did the service print no line about the start of the missing spans?
    NoBeginLine,
    /// Did the spec's pattern for lines about the start of a span match another line, here or in
    /// another case?
    BeginPatternWorks,
    /// Did the service print that it wrote the missing spans?
    Acknowledged,
    /// Did the service report that it could not write spans?
    Reported,
    /// Did an exporter report that it could not send spans to a collector?
    ExporterError,
    /// Does a sampler drop the trace, by a variable of the environment or by a request's header?
    SampledOut,
    /// Did the upstream receive requests whose trace header says "not sampled"?
    UnsampledHeader,
    /// Did the upstream receive requests of a sampled trace of which no span is stored?
    Propagated,
    /// Did the upstream receive requests of traces without a stored span, and none with a sampled trace in a
    /// case with tracing off?
    LostTraces,
    /// Do stored spans name the missing ones as their parents?
    Named,
    /// Did spans begin that belong below the missing ones, or to the same units if these have no stored span, and are
    /// not stored either?
    ChildrenBegun,
    /// Does another process of the service print that tracing is off?
    OffElsewhere,
    /// Did the requests of these units carry no trace header, while those of other units did?
    Untraced,
    /// Is the tracing library switched off by one of its own environment variables?
    LibraryOff,
    /// Did `INSERT` statements for the missing spans reach the database server?
    Reached,
    /// Did the missing spans begin, and no statement for them reach the database server?
    Unsent,
    /// Did the database server refuse the missing spans with an error?
    Refused,
    /// Did a statement for the missing spans wait for a lock when the service was asked to stop?
    Unended,
    /// Were missing spans still arriving at the end of the wait for them?
    Arriving,
    /// Did the database server refuse a query that reads the span table?
    QueryFailed,
    /// Did the database server refuse the connections of the tracer?
    Denied,
    /// Were valid rows lost together with an invalid one?
    Poisoned,
    /// Were the rows written in a transaction that did not commit?
    Undone,
    /// Were the rows deleted later?
    Removed,
    /// Did the database server accept the rows without an error, and store none?
    Discarded,
    /// Are the rows in another table, schema or database?
    Elsewhere,
    /// Did the process crash, or was it killed?
    Killed,
    /// Does each unit of the gap have a stored span, of any name?
    OtherSpans,
    /// Are any spans of this name stored for the job?
    OtherUnits,
    /// Does the same job have these spans if it is submitted in another way?
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
        Self::ChildrenBegun,
        Self::OffElsewhere,
        Self::Untraced,
        Self::LibraryOff,
        Self::Reached,
        Self::Unsent,
        Self::Refused,
        Self::Unended,
        Self::Arriving,
        Self::QueryFailed,
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

    /// Returns the answer yes as a statement.
    pub(super) fn yes(self) -> &'static str {
        match self {
            Self::ClaimedOff => "the service says that tracing is off",
            Self::OtherValue => "another value of the flag records this span",
            Self::NoTracerLine => "no startup line of a tracer",
            Self::TracerPatternWorks => "another case has the startup line of the tracer",
            Self::Begun => "the service began these spans",
            Self::OtherStarts => "the service began other spans",
            Self::NoBeginLine => "no line about the start of these spans",
            Self::BeginPatternWorks => "the output has other lines about the start of spans",
            Self::Acknowledged => "the service reports these spans as written",
            Self::Reported => "the service reports a failed write",
            Self::ExporterError => "an exporter reports an error",
            Self::SampledOut => "the trace is not sampled",
            Self::UnsampledHeader => "the upstream received a trace that is not sampled",
            Self::Propagated => "the upstream received a sampled trace that is not stored",
            Self::LostTraces => {
                "the upstream receives traces only with tracing on, and these are not stored"
            }
            Self::Named => "stored spans name these spans as their parents",
            Self::ChildrenBegun => "spans of the same units began, and are not stored either",
            Self::OffElsewhere => "another process of the service says that tracing is off",
            Self::Untraced => "the requests of these units carried no trace",
            Self::LibraryOff => "the tracing library is switched off",
            Self::Reached => "inserts reached the server",
            Self::Unsent => "the spans began, and no insert reached the server",
            Self::Refused => "the server refused spans",
            Self::Unended => {
                "a statement for spans waited for a lock until the service was stopped"
            }
            Self::Arriving => "spans were still being stored when the wait for them ended",
            Self::QueryFailed => "the server refused a query of the span table",
            Self::Denied => "the server refused the connections",
            Self::Poisoned => "valid rows failed together with an invalid one",
            Self::Undone => "rows were written and not committed",
            Self::Removed => "rows were deleted",
            Self::Discarded => "the server accepted the rows and stored none",
            Self::Elsewhere => "rows are in another table",
            Self::Killed => "the process crashed or was killed",
            Self::OtherSpans => "the same units have other spans",
            Self::OtherUnits => "other spans of this name are stored",
            Self::OtherRoute => "the same work has this span in another case",
        }
    }
}

/// The answers to all questions about one gap. A question without an answer is unknown.
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

    /// Returns the evidence of a yes; empty for no and unknown.
    pub(super) fn evidence(&self, question: Question) -> &[Evidence] {
        match self.get(question) {
            Some(Fact::Yes(evidence)) => evidence,
            _ => &[],
        }
    }
}
