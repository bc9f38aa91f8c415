//! Findings, and collecting them.

use spanproof_format::{Alternative, Code, Confidence};

use super::evidence::Evidence;

/// One difference between what was expected and what was observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its stable code.
    pub code: Code,
    /// What was expected and what was found, as one sentence without its period.
    pub message: String,
    /// What proves it.
    pub evidence: Vec<Evidence>,
    /// How sure the code is. What was observed directly is certain.
    pub confidence: Confidence,
    /// The other reasons for missing spans that were considered, with the fact that rules each out.
    pub alternatives: Vec<Alternative>,
}

/// Collects findings and counts what was compared.
#[derive(Debug, Default)]
pub(super) struct Checks {
    findings: Vec<Finding>,
    assertions: usize,
    unaided: Option<Code>,
}

impl Checks {
    /// Compares one thing: if it does not hold, the finding is taken.
    pub(super) fn expect(&mut self, holds: bool, finding: impl FnOnce() -> Finding) {
        self.assertions += 1;
        if !holds {
            self.findings.push(finding());
        }
    }

    /// Compares one of many things of a kind, such as each span: of several findings with the same
    /// code only the first one is kept.
    pub(super) fn expect_each(&mut self, holds: bool, finding: impl FnOnce() -> Finding) {
        self.assertions += 1;
        if !holds {
            let finding = finding();
            if self.findings.iter().all(|other| other.code != finding.code) {
                self.findings.push(finding);
            }
        }
    }

    /// Takes a finding of comparisons that are counted already.
    pub(super) fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Takes comparisons that were made elsewhere into the count.
    pub(super) fn count(&mut self, assertions: usize) {
        self.assertions += assertions;
    }

    /// Notes the code that the first finding would have without the server's testimony.
    pub(super) fn unaided(&mut self, code: Code) {
        if self.findings.is_empty() {
            self.unaided = Some(code);
        }
    }

    /// What was found, how much was compared, and the code without the server's testimony.
    pub(super) fn close(self) -> Closed {
        let Self { findings, assertions, unaided } = self;
        Closed { findings, assertions, unaided }
    }

    /// Whether nothing was found so far.
    pub(super) fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

/// What was collected.
#[derive(Debug)]
pub(super) struct Closed {
    pub(super) findings: Vec<Finding>,
    pub(super) assertions: usize,
    /// The code that the first finding would have without the server's testimony, where that is
    /// another one.
    pub(super) unaided: Option<Code>,
}

impl Finding {
    pub(crate) fn new(code: Code, message: impl Into<String>, evidence: Vec<Evidence>) -> Self {
        let (confidence, alternatives) = (Confidence::default(), Vec::new());
        Self { code, message: message.into(), evidence, confidence, alternatives }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}: {}", self.code, self.message)?;
        for evidence in &self.evidence {
            writeln!(f, "    {evidence}")?;
        }
        let finding = spanproof_format::Finding::from(self);
        for line in finding.doubt().into_iter().chain(finding.exclusions()) {
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }
}
