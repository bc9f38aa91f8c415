//! The plan of a run: its cases, before they are run.

use serde::{Deserialize, Serialize};

use super::case::Case;
use super::version::SCHEMA;

/// The cases of a run that has not started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Plan {
    /// The version of this document.
    pub schema: u32,
    /// The cases, in order.
    pub cases: Vec<PlannedCase>,
    /// The number of units in all cases together.
    pub units: usize,
}

/// A planned case and its expected result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlannedCase {
    /// The case.
    pub case: Case,
    /// The set flags as `NAME=value`, separated by spaces.
    pub settings: String,
    /// The expected result.
    pub expected: Expectation,
}

/// The expected result of a case, and the reason for the expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Expectation {
    /// Spans, because tracing is on.
    Spans,
    /// Tracing is on while a fault is in force. The service reports lost spans, the job's result is
    /// the same as without the fault, and spans are recorded again after the fault.
    Recovery,
    /// No spans, because the value means on but `enables` in the spec does not list this spelling.
    /// The service must report that tracing is off.
    SpellingNotEnabled,
    /// No spans, because tracing is off.
    Off,
}

impl Expectation {
    /// Returns the expected result, as a phrase without a period.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Spans => "spans are recorded",
            Self::Recovery => {
                "lost spans are reported, the job's result is unchanged, and spans return after the fault"
            }
            Self::SpellingNotEnabled => {
                "no spans: the value means on, but `enables` lacks its spelling; reported as off"
            }
            Self::Off => "no spans: tracing is off; the job runs",
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
