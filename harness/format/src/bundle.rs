//! Incidents: one file of JSON lines, one record each.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::judgement::Judgement;
use super::observation::Observation;
use super::output::OutputLine;
use super::rows::Row;
use super::upstream::{Behaviour, Exchange};
use super::version::BUNDLE_FORMAT;

/// One line of the file of an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Record {
    /// The first record.
    Incident(Header),
    /// What is needed to recreate the world.
    Setting(Box<Setting>),
    /// Everything of the observation but rows, lines and exchanges. A later one replaces an earlier
    /// one, which was written before everything was known.
    Facts(Box<Observation>),
    /// A row of a job.
    Job(Row),
    /// A row of a unit.
    Unit(Row),
    /// A row of a span.
    Span(Row),
    /// A line of output or log.
    Line(OutputLine),
    /// A request to the upstream.
    Exchange(Exchange),
    /// The judgement when the incident was written.
    Verdict(Box<Judgement>),
    /// What was masked.
    Masked(Vec<Masked>),
    /// The verdict that a replay must have; without it, the recorded one.
    Expects(String),
    /// The last record.
    End(End),
    /// A record of a newer version, or one that is damaged, as it stands in the file.
    #[serde(untagged)]
    Unknown(Json),
}

/// The first record of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Header {
    /// The version, `major.minor`.
    pub format: String,
    /// When it was written.
    pub written: DateTime<Utc>,
    /// The version of spanproof that wrote it.
    pub by: String,
    /// Where the incident comes from.
    pub origin: IncidentOrigin,
}

/// Where an incident comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum IncidentOrigin {
    /// A case of `check`.
    Case,
    /// An existing system.
    Deployment,
    /// A place of a newer version.
    #[serde(other)]
    Unknown,
}

/// What is needed to recreate the world of an incident, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Setting {
    /// The flags whose values are known; a value is `None` if the flag is unset.
    pub flags: Vec<(String, Option<String>)>,
    /// The route of the job.
    pub route: Option<String>,
    /// The job's name in the spec.
    pub job: Option<String>,
    /// How many units it had.
    pub units: usize,
    /// The job itself; `None` if its content was not to be kept.
    pub input: Option<Json>,
    /// The name of the upstream's behaviour.
    pub upstream: Option<String>,
    /// The upstream's behaviour.
    pub behaviour: Option<Behaviour>,
    /// The fault of the world.
    pub fault: Option<String>,
    /// What identifies the program; `None` if any program may be meant.
    pub program: Option<String>,
}

/// Something that was masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Masked {
    /// Where it stood: a table's column, the environment, the output and so on.
    pub place: String,
    /// What it was: a secret, or content.
    pub what: String,
    /// How many times.
    pub count: usize,
}

/// The last record of an incident: count and checksum of the records before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct End {
    /// How many records are before it.
    pub records: u64,
    /// SHA-256 of all bytes before it, in hexadecimal digits.
    pub sha256: String,
}

impl Record {
    /// The names of the records that this version knows, as they stand in a file.
    pub const NAMES: &[&str] = &[
        "incident", "setting", "facts", "job", "unit", "span", "line", "exchange", "verdict",
        "masked", "expects", "end",
    ];
}

impl Header {
    /// Creates the header of an incident that this version writes.
    pub fn new(written: DateTime<Utc>, by: impl Into<String>, origin: IncidentOrigin) -> Self {
        Self { format: BUNDLE_FORMAT.into(), written, by: by.into(), origin }
    }
}

impl Masked {
    /// Creates a count.
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
