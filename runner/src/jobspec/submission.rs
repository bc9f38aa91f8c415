//! Parses and validates the bodies of the two submission routes.

use serde_json::Value as Json;

use super::field::{self, InvalidField};
use super::units::units;

/// Default for the fraction of units that must succeed.
const DEFAULT_RATE: f64 = 0.67;
// Widths of the database columns, in characters.
const MAX_ID: usize = 255;
const MAX_NAME: usize = 100;

/// The keys of a job that the runner uses. The stored JSON has all keys.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSpec {
    /// The id chosen by the submitter.
    pub id: String,
    /// The regions to ask in.
    pub regions: Vec<String>,
    /// The ids of the questions.
    pub questions: Vec<String>,
    /// The models to ask.
    pub models: Vec<Model>,
    /// The fraction of units that must succeed for the job to be completed.
    pub min_success_rate: f64,
}

/// A model and the regions that serve it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// The id.
    pub id: String,
    /// The regions that serve the model; an empty list means all regions.
    pub regions: Vec<String>,
}

/// A valid jobspec and the JSON to store.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// The parsed jobspec.
    pub spec: JobSpec,
    /// The JSON to store.
    pub json: Json,
}

impl JobSpec {
    fn from_json(json: &Json) -> Result<Self, InvalidField> {
        if !json.is_object() {
            return Err(InvalidField::new("jobspec", "must be a JSON object"));
        }
        let id = json.get("id").or_else(|| json.get("jobspec_id"));
        let constraints = json.get("constraints");
        let constraint = |key| constraints.and_then(|constraints| constraints.get(key));
        let id = field::text(id, "id", MAX_ID)?;
        field::text(json.pointer("/benchmark/name"), "benchmark.name", MAX_ID)?;
        let regions = constraint("regions");
        let rate = constraint("min_success_rate");
        Ok(Self {
            id,
            regions: field::non_empty_texts(regions, "constraints.regions", MAX_NAME)?,
            questions: field::non_empty_texts(json.get("questions"), "questions", MAX_ID)?,
            models: models(json.get("models"))?,
            min_success_rate: field::fraction(rate, "constraints.min_success_rate")?
                .unwrap_or(DEFAULT_RATE),
        })
    }

    /// Returns whether enough of the units succeeded; `false` if there are no units.
    pub fn is_satisfied(&self, succeeded: usize, total: usize) -> bool {
        // 7 of 100 satisfy a rate of 0.07, because 7 / 100 and the literal `0.07` are rounded to
        // the same `f64`. The product 0.07 * 100 is rounded to more than 7.
        let exact = |count: usize| u32::try_from(count).map_or(f64::MAX, f64::from);
        total > 0 && exact(succeeded) / exact(total) >= self.min_success_rate
    }
}

fn models(value: Option<&Json>) -> Result<Vec<Model>, InvalidField> {
    let items = field::list(value, "models")?.unwrap_or_default();
    if items.is_empty() {
        let reason = "is missing or empty: the job could never execute";
        return Err(InvalidField::new("models", reason));
    }
    let mut models: Vec<Model> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let path = format!("models[{index}]");
        let id = field::text(item.get("id"), &format!("{path}.id"), MAX_NAME)?;
        if models.iter().any(|model| model.id == id) {
            return Err(InvalidField::new(
                &format!("{path}.id"),
                format!("is a duplicate of `{id}`"),
            ));
        }
        let regions = field::texts(item.get("regions"), &format!("{path}.regions"), MAX_NAME)?;
        models.push(Model { id, regions });
    }
    Ok(models)
}

impl Submission {
    /// Parses a jobspec: the body of the queued route, or stored JSON.
    pub fn from_json(json: Json) -> Result<Self, InvalidField> {
        let spec = JobSpec::from_json(&json)?;
        if units(&spec).is_empty() {
            let reason = format!(
                "serve none of the job's regions ({}): the job could never execute",
                spec.regions.join(", ")
            );
            return Err(InvalidField::new("models[].regions", reason));
        }
        if field::has_nul(&json) {
            let reason = "contains U+0000, which Postgres can't store";
            return Err(InvalidField::new("jobspec", reason));
        }
        Ok(Self { spec, json })
    }

    /// Parses the body of the cross-region route, which contains a jobspec. The regions and the
    /// success rate of the body replace those of the jobspec, also in the stored JSON.
    pub fn from_cross_region(body: &Json) -> Result<Self, InvalidField> {
        let Some(jobspec) = body.get("jobspec").filter(|jobspec| !jobspec.is_null()) else {
            return Err(InvalidField::new("jobspec", "is missing"));
        };
        if !jobspec.is_object() {
            return Err(InvalidField::new("jobspec", "must be a JSON object"));
        }
        let targets =
            field::non_empty_texts(body.get("target_regions"), "target_regions", MAX_NAME)?;
        let min_regions = field::count(body.get("min_regions"), "min_regions")?;
        if min_regions.is_some_and(|min| min > targets.len() as u64) {
            let reason =
                format!("asks for more regions than `target_regions` has ({})", targets.len());
            return Err(InvalidField::new("min_regions", reason));
        }
        let rate = field::fraction(body.get("min_success_rate"), "min_success_rate")?;
        let mut jobspec = jobspec.clone();
        let constraints = &mut jobspec["constraints"];
        if !constraints.is_object() {
            *constraints = Json::Object(serde_json::Map::new());
        }
        constraints["regions"] = targets.into();
        if let Some(rate) = rate {
            constraints["min_success_rate"] = rate.into();
        }
        Self::from_json(jobspec)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
