//! Findings, and collecting them.

use serde::{Deserialize, Serialize};

use super::code::Code;

/// How many evidence lines of one kind a finding shows.
const SHOWN: usize = 4;

/// One difference between what was expected and what is in evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its stable code.
    pub code: Code,
    /// What was expected and what was found, as one sentence without its period.
    pub message: String,
    /// The lines and rows that prove it.
    pub evidence: Vec<String>,
}

/// Collects findings and counts what was compared.
#[derive(Debug, Default)]
pub(super) struct Bench {
    findings: Vec<Finding>,
    assertions: usize,
}

impl Bench {
    /// Compares one thing: where it does not hold, the finding is taken.
    pub(super) fn check(&mut self, holds: bool, finding: impl FnOnce() -> Finding) {
        self.assertions += 1;
        if !holds {
            self.findings.push(finding());
        }
    }

    /// Takes comparisons that were made elsewhere into the count.
    pub(super) fn count(&mut self, assertions: usize) {
        self.assertions += assertions;
    }

    /// What was found, and how much was compared.
    pub(super) fn close(self) -> (Vec<Finding>, usize) {
        (self.findings, self.assertions)
    }

    /// Whether nothing was found so far.
    pub(super) fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

impl Finding {
    pub(super) fn new(code: Code, message: impl Into<String>, evidence: Vec<String>) -> Self {
        Self { code, message: message.into(), evidence }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}: {}", self.code, self.message)?;
        for line in &self.evidence {
            writeln!(f, "    {line}")?;
        }
        Ok(())
    }
}

/// The first lines of a list of evidence, and how many more there are.
pub(super) fn shown(lines: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<_> = lines.into_iter().collect();
    if lines.len() > SHOWN {
        let more = lines.len() - SHOWN + 1;
        lines.truncate(SHOWN - 1);
        lines.push(format!("… and {more} more"));
    }
    lines
}
