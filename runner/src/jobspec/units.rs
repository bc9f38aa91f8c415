//! The units of a job.

use super::submission::JobSpec;

/// One question for one model in one region. A unit has one row in `executions` and one trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The region to ask in.
    pub region: String,
    /// The id of the question to ask.
    pub question_id: String,
    /// The id of the model to ask.
    pub model_id: String,
}

/// Returns one unit for each region, each question, and each model that serves the region, in the
/// order of the jobspec.
pub fn units(spec: &JobSpec) -> Vec<Unit> {
    let mut units = Vec::new();
    for region in &spec.regions {
        for question in &spec.questions {
            for model in &spec.models {
                if model.regions.is_empty() || model.regions.contains(region) {
                    units.push(Unit {
                        region: region.clone(),
                        question_id: question.clone(),
                        model_id: model.id.clone(),
                    });
                }
            }
        }
    }
    units
}
