//! Sabotages of healthy cases.

use serde::{Deserialize, Serialize};

use super::case::Case;
use super::version::SCHEMA;

/// What `check --prove` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Proofs {
    /// The version of this document.
    pub schema: u32,
    /// One proof for each sabotage and case.
    pub proofs: Vec<Proof>,
    /// Sabotages that were detected with the right code.
    pub caught: usize,
    /// Sabotages that were not.
    pub missed: usize,
    /// Sabotages that this world does not allow.
    pub impossible: usize,
}

/// One sabotage of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Proof {
    /// The sabotage's name.
    pub name: String,
    /// What is done.
    pub what: String,
    /// The codes of which one is right.
    pub right: Vec<String>,
    /// The case, which is healthy otherwise.
    pub case: Case,
    /// What was found.
    pub result: ProofResult,
}

/// The result of a sabotage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProofResult {
    /// The right code.
    Caught(String),
    /// Another code, or a pass.
    Missed(String),
    /// The world does not allow the sabotage, and why.
    Impossible(String),
}

impl Proofs {
    /// Creates the document and counts the results.
    pub fn new(proofs: Vec<Proof>) -> Self {
        let count =
            |of: fn(&ProofResult) -> bool| proofs.iter().filter(|one| of(&one.result)).count();
        Self {
            schema: SCHEMA,
            caught: count(|result| matches!(result, ProofResult::Caught(_))),
            missed: count(|result| matches!(result, ProofResult::Missed(_))),
            impossible: count(|result| matches!(result, ProofResult::Impossible(_))),
            proofs,
        }
    }
}

impl Proof {
    /// Creates the result of a sabotage of a case.
    pub fn new(
        name: impl Into<String>,
        what: impl Into<String>,
        case: Case,
        result: ProofResult,
    ) -> Self {
        Self { name: name.into(), what: what.into(), right: Vec::new(), case, result }
    }
}
