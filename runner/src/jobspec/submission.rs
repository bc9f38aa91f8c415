//! The bodies of the two submission routes, checked.

use serde_json::Value as Json;

use super::field::{self, Invalid};
use super::units::units;

const DEFAULT_RATE: f64 = 0.67;
/// The widths of the columns that hold these texts.
const ID: usize = 255;
const NAME: usize = 100;

/// What a job asks. Keys that the runner does not use are kept in the stored JSON only.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSpec {
    /// The id the submitter chose.
    pub id: String,
    /// Where to ask.
    pub regions: Vec<String>,
    /// What to ask, by id.
    pub questions: Vec<String>,
    /// Whom to ask.
    pub models: Vec<Model>,
    /// The share of units that must succeed for the job to count as completed.
    pub min_success_rate: f64,
}

/// A model, and where it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Its id.
    pub id: String,
    /// Its regions; empty is all.
    pub regions: Vec<String>,
}

/// A jobspec together with the JSON that is stored for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// What the runner makes of it.
    pub spec: JobSpec,
    /// What is stored.
    pub json: Json,
}

impl JobSpec {
    /// Reads a jobspec. Its `constraints.regions` may be missing here; no unit follows then.
    fn read(json: &Json) -> Result<Self, Invalid> {
        if !json.is_object() {
            return Err(Invalid::new("jobspec", "must be a JSON object"));
        }
        let id = json.get("id").or_else(|| json.get("jobspec_id"));
        let constraints = json.get("constraints");
        let constraint = |key| constraints.and_then(|constraints| constraints.get(key));
        let id = field::text(id, "id", ID)?;
        field::text(json.pointer("/benchmark/name"), "benchmark.name", ID)?;
        let regions = constraint("regions");
        let rate = constraint("min_success_rate");
        Ok(Self {
            id,
            regions: field::some_texts(regions, "constraints.regions", NAME)?,
            questions: field::some_texts(json.get("questions"), "questions", ID)?,
            models: models(json.get("models"))?,
            min_success_rate: field::share(rate, "constraints.min_success_rate")?
                .unwrap_or(DEFAULT_RATE),
        })
    }

    /// Whether this share of units is enough.
    pub fn is_satisfied(&self, succeeded: usize, total: usize) -> bool {
        // Divided, not multiplied: a quotient of small counts and a parsed decimal round alike.
        let exact = |count: usize| u32::try_from(count).map_or(f64::MAX, f64::from);
        total > 0 && exact(succeeded) / exact(total) >= self.min_success_rate
    }
}

fn models(value: Option<&Json>) -> Result<Vec<Model>, Invalid> {
    let items = field::list(value, "models")?.unwrap_or_default();
    if items.is_empty() {
        let reason = "is missing or empty: the job could never execute";
        return Err(Invalid::new("models", reason));
    }
    let mut models: Vec<Model> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let path = format!("models[{index}]");
        let id = field::text(item.get("id"), &format!("{path}.id"), NAME)?;
        if models.iter().any(|model| model.id == id) {
            return Err(Invalid::new(&format!("{path}.id"), format!("`{id}` is there twice")));
        }
        let regions = field::texts(item.get("regions"), &format!("{path}.regions"), NAME)?;
        models.push(Model { id, regions });
    }
    Ok(models)
}

impl Submission {
    /// Reads a jobspec: the body of the queued route, or a stored one.
    pub fn read(json: Json) -> Result<Self, Invalid> {
        let spec = JobSpec::read(&json)?;
        if units(&spec).is_empty() {
            let reason = format!(
                "serve none of the job's regions ({}): the job could never execute",
                spec.regions.join(", ")
            );
            return Err(Invalid::new("models[].regions", reason));
        }
        if field::has_nul(&json) {
            let reason = "has the character U+0000 somewhere, which can't be stored";
            return Err(Invalid::new("jobspec", reason));
        }
        Ok(Self { spec, json })
    }

    /// Reads the body of the cross-region route. Its regions and rate go before the jobspec's,
    /// and are stored in it, so that the stored jobspec alone says what was asked.
    pub fn read_cross_region(body: &Json) -> Result<Self, Invalid> {
        let Some(jobspec) = body.get("jobspec").filter(|jobspec| !jobspec.is_null()) else {
            return Err(Invalid::new("jobspec", "is missing"));
        };
        if !jobspec.is_object() {
            return Err(Invalid::new("jobspec", "must be a JSON object"));
        }
        let targets = field::some_texts(body.get("target_regions"), "target_regions", NAME)?;
        let wanted = field::count(body.get("min_regions"), "min_regions")?;
        if wanted.is_some_and(|wanted| wanted > targets.len() as u64) {
            let reason =
                format!("asks for more regions than `target_regions` has ({})", targets.len());
            return Err(Invalid::new("min_regions", reason));
        }
        let rate = field::share(body.get("min_success_rate"), "min_success_rate")?;
        let mut jobspec = jobspec.clone();
        let constraints = &mut jobspec["constraints"];
        if !constraints.is_object() {
            *constraints = Json::Object(serde_json::Map::new());
        }
        constraints["regions"] = targets.into();
        if let Some(rate) = rate {
            constraints["min_success_rate"] = rate.into();
        }
        Self::read(jobspec)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
