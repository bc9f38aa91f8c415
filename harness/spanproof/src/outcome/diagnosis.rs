//! A diagnosis of an existing system.

use spanproof_format::{Diagnosed, Diagnosis};

use crate::observation::Observation;
use crate::spec::Spec;
use crate::verdict::DiagnosedJobs;

/// Returns the document of a diagnosis: what `diagnose` prints.
pub fn diagnosis(spec: &Spec, observation: &Observation, diagnosed: DiagnosedJobs) -> Diagnosis {
    let DiagnosedJobs { jobs, diagnoses } = diagnosed;
    let diagnoses = diagnoses.into_iter().map(|one| {
        let judgement = (&one.judgement).into();
        Diagnosed::new(one.jobs, judgement, one.reasons)
    });
    let sources = observation.deployment().map(Into::into);
    let mut document = Diagnosis::new(sources, jobs, diagnoses.collect());
    document.unit_table.clone_from(&spec.tables.units.table);
    document.tracing_flag = spec.tracing_flag().map(|flag| flag.name.clone());
    document
}
