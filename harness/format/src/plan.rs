//! The plan of a run: its cases, before they are run. A case tries the service with one combination
//! of flags and other inputs. A unit is one piece of the work of a case's job.

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
    /// The kinds of further runs that `check` may add, each with its maximum number of runs.
    #[serde(default)]
    pub further_runs: Vec<(String, usize)>,
}

/// A planned case and its expected result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlannedCase {
    /// The case.
    pub case: Case,
    /// The flags as `NAME=value`, separated by spaces, without the flags that are unset in the case and whose
    /// default is also unset.
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
    /// Tracing is on while a fault (a failure that spanproof causes on purpose) is in force. The
    /// service reports lost spans, the job's result is the same as without the fault, and spans are
    /// recorded again after the fault.
    Recovery,
    /// Spans for each of several jobs, which are submitted while the service keeps running.
    Repetition,
    /// Like [`Recovery`](Self::Recovery), but the spec does not declare the fault: a failure is a notice.
    Notice,
    /// No spans. A person would read the flag's value as on, but it is not one of the values that the
    /// spec lists under `enables`. The service must report that tracing is off.
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
                "lost spans are reported, the job's result is unchanged, and spans are recorded again after the fault"
            }
            Self::Repetition => {
                "each of five jobs leaves its spans while the service keeps running"
            }
            Self::Notice => {
                "not declared in the spec, so only a notice: lost spans are reported, and spans are recorded again after the fault"
            }
            Self::SpellingNotEnabled => {
                "no spans: the value looks like on, but `enables` does not list it; the service reports off"
            }
            Self::Off => "no spans: tracing is off; the job runs",
        }
    }
}

impl Plan {
    /// Creates the plan of cases.
    pub fn new(cases: Vec<PlannedCase>, units: usize) -> Self {
        Self { schema: SCHEMA, cases, units, further_runs: Vec::new() }
    }
}

impl PlannedCase {
    /// Creates a planned case.
    pub fn new(case: Case, settings: impl Into<String>, expected: Expectation) -> Self {
        Self { case, settings: settings.into(), expected }
    }
}
