//! A diagnosis of an existing system.

use crate::observation::{DeploymentSummary, Observation};
use crate::spec::Spec;
use crate::verdict::{DiagnosedJobs, Diagnosis, JobSeen};

/// What a diagnosis found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiagnosisOutcome {
    /// The sources: database, log and plans; `None` if the observation comes from a trial.
    pub sources: Option<DeploymentSummary>,
    /// The jobs, one by one.
    pub jobs: Vec<JobSeen>,
    /// The verdicts, each with the jobs it is about.
    pub diagnoses: Vec<Diagnosis>,
    /// The name of the table of units.
    pub unit_table: String,
    /// The name of the tracing flag; `None` if the spec has none.
    pub tracing_flag: Option<String>,
}

impl DiagnosisOutcome {
    /// Creates the outcome from an observation and what was concluded from it.
    pub fn new(spec: &Spec, observation: &Observation, diagnosed: DiagnosedJobs) -> Self {
        Self {
            sources: observation.deployment().map(DeploymentSummary::from),
            jobs: diagnosed.jobs,
            diagnoses: diagnosed.diagnoses,
            unit_table: spec.tables.units.table.clone(),
            tracing_flag: spec.tracing_flag().map(|flag| flag.name.clone()),
        }
    }
}
