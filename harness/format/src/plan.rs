//! The cases of a run before it starts.

use serde::{Deserialize, Serialize};

use super::case::Case;
use super::version::SCHEMA;

/// The cases that a run would execute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Plan {
    /// The version of this document.
    pub schema: u32,
    /// The cases, in order.
    pub cases: Vec<PlannedCase>,
    /// Units of work in all of them together.
    pub units: usize,
}

/// A case with what is expected of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlannedCase {
    /// The case.
    pub case: Case,
    /// The flags as `NAME=value`.
    pub settings: String,
    /// What is expected, and why.
    pub expected: Expectation,
}

/// What is expected of a case, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Expectation {
    /// Spans, because tracing is on.
    Spans,
    /// Lost spans are reported and the job is unchanged, because tracing is on under a fault; spans
    /// are recorded again after the fault.
    Recovery,
    /// No spans, because the value means on in a spelling that the spec does not list under
    /// `enables`; the service says so.
    SpellingNotEnabled,
    /// No spans, because tracing is off.
    Off,
}

impl Expectation {
    /// What is expected, as a phrase without a period.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Spans => "spans must be recorded",
            Self::Recovery => {
                "lost spans must be reported, the job must be unchanged, and then it must record again"
            }
            Self::SpellingNotEnabled => {
                "meant on, does not count: no spans, and the service must say so"
            }
            Self::Off => "off: no spans, and the job must run",
        }
    }
}

impl Plan {
    /// Creates the plan of cases.
    pub fn new(cases: Vec<PlannedCase>, units: usize) -> Self {
        Self { schema: SCHEMA, cases, units }
    }
}

impl PlannedCase {
    /// Creates a planned case.
    pub fn new(case: Case, settings: impl Into<String>, expected: Expectation) -> Self {
        Self { case, settings: settings.into(), expected }
    }
}
