//! Which units of work a job has.

use super::submission::JobSpec;

/// One question for one model in one region: one row of `executions`, one trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Where.
    pub region: String,
    /// What.
    pub question_id: String,
    /// Whom.
    pub model_id: String,
}

/// Every region × question × model that serves the region, in the order of the jobspec.
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
