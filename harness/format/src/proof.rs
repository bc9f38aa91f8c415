//! Tests of whether spanproof detects lost and wrong spans. For each [`Proof`], spanproof sabotages one
//! passing case, for example with a different value of the flag or with a trigger that discards spans.
//! The sabotaged case must fail. The proof that `guard` reads is another document,
//! [`FlagProof`](crate::FlagProof).

use serde::{Deserialize, Serialize};

use super::case::Case;
use super::version::SCHEMA;

/// The results of `check --prove`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Proofs {
    /// The version of this document.
    pub schema: u32,
    /// One proof for each pair of a kind of sabotage and a case.
    pub proofs: Vec<Proof>,
    /// The number of proofs whose sabotage was detected with an expected code.
    pub caught: usize,
    /// The number of proofs whose sabotage was not detected, or was detected with an unexpected code.
    pub missed: usize,
    /// The number of proofs whose sabotage could not be made, because the case does not allow it.
    pub impossible: usize,
}

/// One sabotage of one passing case, and the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Proof {
    /// The name of the sabotage.
    pub name: String,
    /// What the sabotage does.
    #[serde(rename = "what")]
    pub description: String,
    /// The expected codes. The sabotage is detected if the sabotaged case fails with any of them.
    #[serde(rename = "right")]
    pub expected_codes: Vec<String>,
    /// The sabotaged case.
    pub case: Case,
    /// The result: whether the sabotage was detected.
    pub result: SabotageResult,
}

/// The result of a sabotage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SabotageResult {
    /// The sabotage was detected with this expected code.
    Caught(String),
    /// The sabotaged case passed, or failed with an unexpected code. Contains `pass` or this code.
    Missed(String),
    /// The case does not allow the sabotage, for this reason.
    Impossible(String),
}

impl Proofs {
    /// Creates the document and counts the results.
    pub fn new(proofs: Vec<Proof>) -> Self {
        let count = |matches: fn(&SabotageResult) -> bool| {
            proofs.iter().filter(|proof| matches(&proof.result)).count()
        };
        Self {
            schema: SCHEMA,
            caught: count(|result| matches!(result, SabotageResult::Caught(_))),
            missed: count(|result| matches!(result, SabotageResult::Missed(_))),
            impossible: count(|result| matches!(result, SabotageResult::Impossible(_))),
            proofs,
        }
    }
}

impl Proof {
    /// Creates a proof without expected codes.
    pub fn new(
        name: impl Into<String>,
        description: impl Into<String>,
        case: Case,
        result: SabotageResult,
    ) -> Self {
        let (name, description) = (name.into(), description.into());
        Self { name, description, expected_codes: Vec::new(), case, result }
    }
}
