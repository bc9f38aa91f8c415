//! Findings, the reasons why a case fails.

use serde::{Deserialize, Serialize};

use super::code::Code;
use super::confidence::{Alternative, Confidence};
use super::evidence::Evidence;

/// One difference between what was expected and what was observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// The code: the kind of the difference.
    pub code: Code,
    /// What was expected and what was found, as one sentence without a period.
    pub message: String,
    /// The evidence as text.
    pub evidence: Vec<String>,
    /// The same evidence as data, in the same order; empty in documents of early versions of spanproof.
    #[serde(default)]
    pub data: Vec<Evidence>,
    /// How certain the code is. A difference that was observed directly is certain; a reason for missing
    /// spans may be less certain.
    #[serde(default, skip_serializing_if = "Confidence::is_certain")]
    pub confidence: Confidence,
    /// The other reasons for missing spans: those that are still possible, and those that a fact
    /// excludes. Empty for a difference that was observed directly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
}

impl Finding {
    /// Returns a note that the code is only likely, or which codes are possible; `None` if the code is
    /// certain.
    pub fn doubt(&self) -> Option<String> {
        let possible = Alternative::possible_codes(&self.alternatives);
        match self.confidence {
            Confidence::Likely if self.alternatives.is_empty() => {
                Some("likely: the evidence shows it, but does not prove it".into())
            }
            Confidence::Likely => {
                Some("likely: every other reason is ruled out, but no fact proves this one".into())
            }
            Confidence::Undetermined if !possible.is_empty() => {
                let possible: Vec<_> = possible.into_iter().map(Code::text).collect();
                Some(format!("possible: {}", possible.join(", ")))
            }
            _ => None,
        }
    }

    /// Returns a line for each fact that excludes codes.
    pub fn exclusions(&self) -> Vec<String> {
        let mut by_fact: Vec<(&str, Vec<&str>)> = Vec::new();
        for other in &self.alternatives {
            let Some(fact) = &other.excluded_by else { continue };
            match by_fact.iter_mut().find(|(known, _)| known == fact) {
                Some((_, codes)) => codes.push(other.code.text()),
                None => by_fact.push((fact, vec![other.code.text()])),
            }
        }
        let line = |(fact, codes): (&str, Vec<&str>)| format!("not {}: {fact}", codes.join(", "));
        by_fact.into_iter().map(line).collect()
    }

    /// Creates a finding without evidence.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            evidence: Vec::new(),
            data: Vec::new(),
            confidence: Confidence::Certain,
            alternatives: Vec::new(),
        }
    }
}
