//! Findings, and collecting them.

use serde::{Deserialize, Serialize, Serializer};

use super::code::Code;
use super::evidence::Evidence;

/// One difference between what was expected and what was observed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "StoredFinding")]
pub struct Finding {
    /// Its stable code.
    pub code: Code,
    /// What was expected and what was found, as one sentence without its period.
    pub message: String,
    /// What proves it.
    pub evidence: Vec<Evidence>,
}

/// A finding as it is stored: each piece of evidence as text and, since it is data, as `data`.
#[derive(Serialize, Deserialize)]
struct StoredFinding {
    code: Code,
    message: String,
    evidence: Vec<String>,
    #[serde(default)]
    data: Vec<Evidence>,
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { code, message, evidence } = self.clone();
        let texts = evidence.iter().map(ToString::to_string).collect();
        StoredFinding { code, message, evidence: texts, data: evidence }.serialize(serializer)
    }
}

impl From<StoredFinding> for Finding {
    fn from(stored: StoredFinding) -> Self {
        let StoredFinding { code, message, evidence: texts, data } = stored;
        let evidence = if data.len() == texts.len() {
            data
        } else {
            // Before evidence was data, it was text only.
            texts.into_iter().map(Evidence::Note).collect()
        };
        Self { code, message, evidence }
    }
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
    pub(super) fn new(code: Code, message: impl Into<String>, evidence: Vec<Evidence>) -> Self {
        Self { code, message: message.into(), evidence }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}: {}", self.code, self.message)?;
        for evidence in &self.evidence {
            writeln!(f, "    {evidence}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn evidence_is_stored_as_text_and_as_data_and_was_text_only_before() {
        let evidence = vec![
            Evidence::Compared {
                word: "off".into(),
                case: "1a2b3c4d".into(),
                outcome: "job done".into(),
                other: true,
            },
            Evidence::More(2),
        ];
        let finding = Finding::new(Code::Unlinked, "m", evidence);
        let stored = serde_json::to_value(&finding).unwrap();
        assert_eq!(stored["evidence"], json!(["off  case 1a2b3c4d: job done", "… and 2 more"]));
        assert_eq!(stored["data"][1], json!({"more": 2}));
        assert_eq!(serde_json::from_value::<Finding>(stored).unwrap(), finding);
        let old = json!({"code": "unlinked", "message": "m", "evidence": ["a", "b"]});
        let old: Finding = serde_json::from_value(old).unwrap();
        assert_eq!(old.evidence, ["a", "b"].map(|text| Evidence::Note(text.into())));
    }
}
