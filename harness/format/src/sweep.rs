//! How a service reads common spellings of the values of a flag.

use serde::{Deserialize, Serialize};

/// The spellings of one flag, each tried with the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Sweep {
    /// The name of the flag.
    pub flag: String,
    /// The spellings, in a fixed order.
    pub rows: Vec<SweepRow>,
}

/// One spelling of the value of a flag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SweepRow {
    /// The value; `None` if the flag is unset.
    pub value: Option<String>,
    /// The value as text, as a report prints it.
    pub text: String,
    /// Whether a person would read the value as on; `None` if the flag is not a switch.
    pub meaning: Option<bool>,
    /// Whether the service must read the value as on, according to the spec; `None` if the spec does not
    /// define it.
    pub promise: Option<bool>,
    /// How OpenTelemetry reads the value of a Boolean variable; `None` if the flag is not a switch.
    pub otel: Option<bool>,
    /// How the service reads the value.
    pub reading: SweepReading,
    /// Whether the startup output contains the value after the name of the flag.
    pub announced: bool,
    /// The other values with which the service behaves the same, as text.
    pub same_as: Vec<String>,
    /// Why the reading is not known, or how the service ended; empty if the reading is known.
    pub reason: String,
    /// What is wrong; empty if nothing is.
    pub finding: String,
    /// The id of the case.
    pub case: String,
}

/// How a service reads a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SweepReading {
    /// The service behaves as with a value that is on.
    On,
    /// The service behaves as with a value that is off.
    Off,
    /// The service behaves in neither of these ways.
    Neither,
    /// The service does not become ready.
    Refused,
    /// The trials do not show how the service reads the value.
    Unknown,
}

impl Sweep {
    /// Creates a sweep.
    pub fn new(flag: impl Into<String>, rows: Vec<SweepRow>) -> Self {
        Self { flag: flag.into(), rows }
    }

    /// Returns the number of spellings with a finding.
    pub fn findings(&self) -> usize {
        self.rows.iter().filter(|row| !row.finding.is_empty()).count()
    }
}

impl SweepRow {
    /// Creates a row in which all other fields are empty.
    pub fn new(value: Option<String>, text: impl Into<String>, reading: SweepReading) -> Self {
        Self {
            value,
            text: text.into(),
            meaning: None,
            promise: None,
            otel: None,
            reading,
            announced: false,
            same_as: Vec::new(),
            reason: String::new(),
            finding: String::new(),
            case: String::new(),
        }
    }
}
