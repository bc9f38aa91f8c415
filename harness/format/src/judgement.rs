//! Verdicts and the funnel.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::code::Code;
use super::finding::Finding;

/// The result of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// Everything that was expected is in evidence.
    Pass,
    /// Something is not; the first finding names the reason.
    Fail(Vec<Finding>),
    /// The world did not come up, and why: nothing was learned about the service.
    Broken(String),
    /// The case failed as the spec expects for now: the code, until when, and why.
    Known(String),
    /// The case was not run, and why.
    Skipped(String),
    /// A verdict of a newer version, as it stands in the document.
    #[serde(untagged)]
    Unknown(Json),
}

/// How many units survive each stage; each number is at most the one before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Funnel {
    /// Units that the job has.
    pub expected: usize,
    /// Units with a row of work.
    pub executed: usize,
    /// Units whose spans were begun.
    pub attempted: usize,
    /// Units whose every expected span has a row.
    pub stored: usize,
    /// Units whose every span has an end.
    pub finished: usize,
    /// Units whose every span names them and agrees with them.
    pub linked: usize,
    /// Units whose spans are one tree.
    pub joined: usize,
}

/// A verdict with its numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// How many units survive each stage.
    pub funnel: Funnel,
    /// Whether spans had to be recorded.
    pub recording: bool,
    /// How many spans were found.
    pub spans: usize,
    /// How many things were compared.
    pub assertions: usize,
    /// What would tell more; `None` if nothing is left to try, and in a document of 0.1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Experiment>,
}

/// A trial that would tell more about a case than its own evidence does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Experiment {
    /// The same case with the server as a witness.
    Witness,
    /// An experiment of a newer version.
    #[serde(other)]
    Unknown,
}

impl Judgement {
    /// Creates a judgement whose numbers are all 0.
    pub fn new(verdict: Verdict) -> Self {
        Self {
            verdict,
            funnel: Funnel::default(),
            recording: false,
            spans: 0,
            assertions: 0,
            next: None,
        }
    }
}

impl Verdict {
    /// The findings; empty unless the verdict is [`Verdict::Fail`].
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Fail(findings) => findings,
            _ => &[],
        }
    }

    /// The code of the first finding, which names the reason; `None` without findings.
    pub fn code(&self) -> Option<Code> {
        self.findings().first().map(|finding| finding.code)
    }
}
