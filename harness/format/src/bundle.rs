//! Incidents, also called bundles. An incident is a file of JSON lines, one record per line. It
//! contains the evidence of a case or of an existing system, and what a replay needs to run the
//! case again. A unit is one piece of a job's work: a row of the unit table.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::judgement::Judgement;
use super::observation::Observation;
use super::output::OutputLine;
use super::rows::Row;
use super::upstream::{Behaviour, Exchange};
use super::version::BUNDLE_FORMAT;

/// One line of an incident file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Record {
    /// The first record.
    Incident(Header),
    /// What a replay needs to recreate the incident.
    #[serde(rename = "setting")]
    Setup(Box<Setup>),
    /// The observation without its rows, lines and exchanges, which are separate records. If a file
    /// has several `facts` records, only the last is valid: spanproof wrote the others before it
    /// knew everything.
    Facts(Box<Observation>),
    /// A job's row.
    Job(Row),
    /// A unit's row.
    Unit(Row),
    /// A span's row.
    Span(Row),
    /// A line of output or log.
    Line(OutputLine),
    /// A request to the upstream (the fake HTTP server that the service calls), with its answer.
    Exchange(Exchange),
    /// The judgement at the time of the capture.
    Verdict(Box<Judgement>),
    /// What was masked.
    Masked(Vec<Masked>),
    /// The verdict that a replay must have: `pass` or a code. Without this record, a replay must
    /// have the verdict of the `verdict` record.
    Expects(String),
    /// The last record.
    End(End),
    /// A record that this version does not know or can't parse, kept as it was read.
    #[serde(untagged)]
    Unknown(Json),
}

/// The first record of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Header {
    /// The version of the file's format, `major.minor`.
    pub format: String,
    /// The time of the capture.
    pub written: DateTime<Utc>,
    /// The version of spanproof that wrote the file.
    pub by: String,
    /// The source of the incident.
    pub origin: IncidentOrigin,
}

/// The source of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum IncidentOrigin {
    /// A case of `check`.
    Case,
    /// An existing system.
    Deployment,
    /// A source that only a newer version knows.
    #[serde(other)]
    Unknown,
}

/// What a replay needs to recreate an incident, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Setup {
    /// The flags whose values are known. A value is `None` if the flag is unset.
    pub flags: Vec<(String, Option<String>)>,
    /// The name of the job's route, the way in which the job is submitted.
    pub route: Option<String>,
    /// The job's name in the spec.
    pub job: Option<String>,
    /// The number of the job's units.
    pub units: usize,
    /// The job's JSON; `None` if the capture masked it.
    pub input: Option<Json>,
    /// The name of the upstream, the fake HTTP server that the service calls.
    pub upstream: Option<String>,
    /// The replies of the upstream.
    pub behaviour: Option<Behaviour>,
    /// The name of the fault that was in force; `None` if there was none.
    pub fault: Option<String>,
    /// The hash of the service's program, as in [`Observation::program`]; `None` if a replay
    /// accepts any program.
    pub program: Option<String>,
}

/// The number of values of one kind that were masked in one location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Masked {
    /// The location of the values: a table's column, the environment, the output and so on.
    pub place: String,
    /// The kind of the values: `secret`, `content`, `e-mail address`, or the name of a masking
    /// rule.
    pub what: String,
    /// The number of masked values.
    pub count: usize,
}

/// The last record of an incident: the number and the checksum of all records before this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct End {
    /// The number of records before this one.
    pub records: u64,
    /// SHA-256 of all bytes before this record, in hexadecimal.
    pub sha256: String,
}

impl Record {
    /// The names of all records of this version, as they appear in an incident file.
    pub const NAMES: &[&str] = &[
        "incident", "setting", "facts", "job", "unit", "span", "line", "exchange", "verdict",
        "masked", "expects", "end",
    ];
}

impl Header {
    /// Creates a header with the current format version.
    pub fn new(written: DateTime<Utc>, by: impl Into<String>, origin: IncidentOrigin) -> Self {
        Self { format: BUNDLE_FORMAT.into(), written, by: by.into(), origin }
    }
}

impl Masked {
    /// Creates a count of masked values.
    pub fn new(place: impl Into<String>, what: impl Into<String>, count: usize) -> Self {
        Self { place: place.into(), what: what.into(), count }
    }
}

impl End {
    /// Creates the last record.
    pub fn new(records: u64, sha256: impl Into<String>) -> Self {
        Self { records, sha256: sha256.into() }
    }
}
