//! The plan of a run, which is stored beside the evidence of its cases.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::case::Case;
use super::version::EVIDENCE_FORMAT;

/// The plan of a run: `run.json`, beside the folders of its cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunPlan {
    /// The version of the format, `major.minor`.
    pub format: String,
    /// Every planned case.
    pub planned: Vec<Case>,
    /// Ids of the cases whose database or service did not start, each with the cause.
    pub broken: BTreeMap<String, String>,
    /// Ids of the planned cases that did not run, each with the cause. Only a case with one of the
    /// faults that spanproof adds by itself, without a declaration in the spec, can be such a case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub untried: BTreeMap<String, String>,
    /// Why the run stopped early; `None` if it did not stop early.
    pub halted: Option<String>,
}

impl RunPlan {
    /// Creates the plan of a run that has not started.
    pub fn new(planned: Vec<Case>) -> Self {
        Self {
            format: EVIDENCE_FORMAT.into(),
            planned,
            broken: BTreeMap::new(),
            untried: BTreeMap::new(),
            halted: None,
        }
    }
}
