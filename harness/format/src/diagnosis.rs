//! `diagnose --format json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::code::Code;
use super::judgement::Judgement;
use super::observation::Deployment;
use super::version::SCHEMA;

/// What a diagnosis of an existing system found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Diagnosis {
    /// The version of this document.
    pub schema: u32,
    /// The database, the log and the query plans; `None` if the observation comes from a trial.
    pub sources: Option<Deployment>,
    /// The jobs, in the order of their rows.
    pub jobs: Vec<JobSeen>,
    /// The verdicts, each with the jobs it is about.
    pub diagnoses: Vec<Diagnosed>,
    /// The name of the table of units.
    #[serde(default)]
    pub unit_table: String,
    /// The name of the tracing flag; `None` if the spec has none.
    #[serde(default)]
    pub tracing_flag: Option<String>,
}

/// What is known of one job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobSeen {
    /// Its id.
    pub id: String,
    /// The name that a submitter knows it by.
    pub name: Option<String>,
    /// The route it came in by.
    pub route: Option<String>,
    /// Its status.
    pub status: String,
    /// The number of its units, by status.
    pub units: BTreeMap<String, usize>,
    /// The number of its spans.
    pub spans: usize,
    /// Its code; `None` if nothing is wrong.
    pub code: Option<Code>,
}

/// One verdict, with what speaks for and against it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Diagnosed {
    /// The ids of the jobs; empty if no database was given.
    pub jobs: Vec<String>,
    /// The judgement of all of them together.
    pub judgement: Judgement,
    /// What speaks for and against the verdict.
    pub reasons: Vec<Reason>,
}

/// Something that speaks for or against a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reason {
    /// Whether it speaks for the verdict.
    pub supports: bool,
    /// What it is.
    pub text: String,
}

impl Diagnosis {
    /// Creates a diagnosis.
    pub fn new(sources: Option<Deployment>, jobs: Vec<JobSeen>, diagnoses: Vec<Diagnosed>) -> Self {
        let (unit_table, tracing_flag) = (String::new(), None);
        Self { schema: SCHEMA, sources, jobs, diagnoses, unit_table, tracing_flag }
    }
}

impl JobSeen {
    /// Creates a job without units and spans.
    pub fn new(id: impl Into<String>, status: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: None,
            route: None,
            status: status.into(),
            units: BTreeMap::new(),
            spans: 0,
            code: None,
        }
    }
}

impl Diagnosed {
    /// Creates a verdict on jobs.
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
