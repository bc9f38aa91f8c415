//! The document that `diagnose --format json` prints. A unit is one piece of a job's work: a row of
//! the unit table.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::code::Code;
use super::judgement::Judgement;
use super::observation::Deployment;
use super::version::SCHEMA;

/// The diagnosis of an existing system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Diagnosis {
    /// The version of this document.
    pub schema: u32,
    /// The database, the log and the query plans; `None` for the evidence of a case.
    pub sources: Option<Deployment>,
    /// The jobs, in the order of their rows.
    pub jobs: Vec<JobSummary>,
    /// The diagnoses. Each has one verdict that applies to one or more jobs.
    pub diagnoses: Vec<JobDiagnosis>,
    /// The name of the table of units.
    #[serde(default)]
    pub unit_table: String,
    /// The name of the flag that switches tracing on; `None` if the spec has no such flag.
    #[serde(default)]
    pub tracing_flag: Option<String>,
}

/// One job in a diagnosis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobSummary {
    /// The job's id.
    pub id: String,
    /// The name that the submitter gave the job; `None` if it has none.
    pub name: Option<String>,
    /// The name of the route (the way in which the job was submitted); `None` if unknown.
    pub route: Option<String>,
    /// The job's status.
    pub status: String,
    /// The number of units with each status.
    pub units: BTreeMap<String, usize>,
    /// The number of spans.
    pub spans: usize,
    /// Whether spans could not be read. `spans` is then 0, but the number is not known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spans_unknown: bool,
    /// The first code of the job's verdict; `None` if the job passes.
    pub code: Option<Code>,
}

/// One verdict, the jobs it applies to, and the reasons for and against it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobDiagnosis {
    /// The ids of the jobs; empty if no database was given.
    pub jobs: Vec<String>,
    /// The judgement of all these jobs together.
    pub judgement: Judgement,
    /// Reasons for and against the verdict.
    pub reasons: Vec<Reason>,
}

/// A reason for or against a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reason {
    /// `true` for a reason for the verdict, `false` for a reason against it.
    pub supports: bool,
    /// The reason, as a phrase.
    pub text: String,
}

impl Diagnosis {
    /// Creates a diagnosis without the names of the unit table and the tracing flag.
    pub fn new(
        sources: Option<Deployment>,
        jobs: Vec<JobSummary>,
        diagnoses: Vec<JobDiagnosis>,
    ) -> Self {
        let (unit_table, tracing_flag) = (String::new(), None);
        Self { schema: SCHEMA, sources, jobs, diagnoses, unit_table, tracing_flag }
    }
}

impl JobSummary {
    /// Creates a job without units and spans.
    pub fn new(id: impl Into<String>, status: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: None,
            route: None,
            status: status.into(),
            units: BTreeMap::new(),
            spans: 0,
            spans_unknown: false,
            code: None,
        }
    }
}

impl JobDiagnosis {
    /// Creates the diagnosis of jobs.
    pub fn new(jobs: Vec<String>, judgement: Judgement, reasons: Vec<Reason>) -> Self {
        Self { jobs, judgement, reasons }
    }
}

impl Reason {
    /// Creates a reason.
    pub fn new(supports: bool, text: impl Into<String>) -> Self {
        Self { supports, text: text.into() }
    }
}
