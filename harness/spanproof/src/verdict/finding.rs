//! Findings, which are the reasons why a case fails, and `Checks`, which collects them. A case is one
//! run of the service with certain flags. The witness is a set of triggers that log each attempt to
//! insert a span.

use spanproof_format::{Alternative, Code, Confidence};

use super::evidence::Evidence;

/// One difference between what was expected and what was observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The stable code of the reason.
    pub code: Code,
    /// What was expected and what was found, as one sentence without its period.
    pub message: String,
    /// The lines, rows and other observations that prove the finding.
    pub evidence: Vec<Evidence>,
    /// How certain the code is. What was observed directly is certain.
    pub confidence: Confidence,
    /// Other possible reasons for missing spans. A reason that is excluded comes with the fact that
    /// excludes it. Empty if the finding is not about missing spans.
    pub alternatives: Vec<Alternative>,
}

/// Collects findings and counts assertions.
#[derive(Debug, Default)]
pub(super) struct Checks {
    findings: Vec<Finding>,
    assertions: usize,
    code_without_witness: Option<Code>,
}

impl Checks {
    /// Makes one assertion. If `holds` is `false`, adds the finding.
    pub(super) fn expect(&mut self, holds: bool, finding: impl FnOnce() -> Finding) {
        self.assertions += 1;
        if !holds {
            self.findings.push(finding());
        }
    }

    /// Makes one of many similar assertions, such as one for each span. If `holds` is `false` and
    /// no finding has the same code, adds the finding.
    pub(super) fn expect_each(&mut self, holds: bool, finding: impl FnOnce() -> Finding) {
        self.assertions += 1;
        if !holds {
            let finding = finding();
            if self.findings.iter().all(|other| other.code != finding.code) {
                self.findings.push(finding);
            }
        }
    }

    /// Adds a finding whose assertion was already counted by `count`.
    pub(super) fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Counts assertions that the caller made.
    pub(super) fn count(&mut self, assertions: usize) {
        self.assertions += assertions;
    }

    /// Sets the code that the first finding would have without the witness.
    pub(super) fn set_code_without_witness(&mut self, code: Code) {
        if self.findings.is_empty() {
            self.code_without_witness = Some(code);
        }
    }

    /// Returns the findings and the numbers that were collected.
    pub(super) fn finish(self) -> CheckResults {
        let Self { findings, assertions, code_without_witness } = self;
        CheckResults { findings, assertions, code_without_witness }
    }

    /// Whether there is no finding so far.
    pub(super) fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

/// The collected findings, and the number of assertions.
#[derive(Debug)]
pub(super) struct CheckResults {
    pub(super) findings: Vec<Finding>,
    pub(super) assertions: usize,
    /// The code that the first finding would have without the witness; `None` if the witness was not
    /// used.
    pub(super) code_without_witness: Option<Code>,
}

impl Finding {
    pub(crate) fn new(code: Code, message: impl Into<String>, evidence: Vec<Evidence>) -> Self {
        let (confidence, alternatives) = (Confidence::default(), Vec::new());
        Self { code, message: message.into(), evidence, confidence, alternatives }
    }

    /// Whether the finding is about missing spans: only such findings have alternative reasons.
    pub(super) fn is_about_missing_spans(&self) -> bool {
        !self.alternatives.is_empty()
    }

    /// Makes the finding undetermined, with its code as one of the possible reasons.
    pub(super) fn make_undetermined(&mut self, message: String) {
        if self.code != Code::Undetermined {
            self.alternatives.insert(0, Alternative::possible(self.code));
        }
        (self.code, self.confidence) = (Code::Undetermined, Confidence::Undetermined);
        self.message = message;
    }

    /// The code, its confidence, and the other codes that are possible.
    pub(super) fn causes(&self) -> (Code, Confidence, Vec<Code>) {
        (self.code, self.confidence, Alternative::possible_codes(&self.alternatives))
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
