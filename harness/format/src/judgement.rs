//! Verdicts, and the funnel: how many units of a job pass each stage on the way to a full trace.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::code::Code;
use super::finding::Finding;

/// The result of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// The case meets every expectation of the spec.
    Pass,
    /// The case fails; the first finding names the reason.
    Fail(Vec<Finding>),
    /// The database or the service did not start, for this reason. This proves nothing about the
    /// service.
    Broken(String),
    /// The case fails as a rule under `[[expected]]` predicts, or as the same case without its fault does.
    /// Contains the code, the last day of the rule and its reason, or the case without the fault.
    Known(String),
    /// The case fails under a fault that spanproof adds by itself, although the spec does not declare it. The
    /// run still passes.
    Notice(Vec<Finding>),
    /// The case was not run, for this reason.
    Skipped(String),
    /// A verdict of a newer version, unchanged.
    #[serde(untagged)]
    Unknown(Json),
}

/// How many units of a job pass each stage. A unit is one part of the job's work, which must leave spans if
/// tracing is on. No number is larger than the number of the stage before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Funnel {
    /// Units of the job.
    pub expected: usize,
    /// Units with a row in the unit table.
    pub executed: usize,
    /// Units whose spans were started.
    pub attempted: usize,
    /// Units whose expected spans all have a row.
    pub stored: usize,
    /// Units whose spans all have an end.
    pub finished: usize,
    /// Units whose spans all have the unit's id and attributes.
    pub linked: usize,
    /// Units whose spans form one tree.
    pub joined: usize,
    /// Whether spans could not be read. `stored` and the numbers after it are then 0, but not known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spans_unknown: bool,
}

/// The verdict on a case, with the counts that were compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// How many units pass each stage.
    pub funnel: Funnel,
    /// Whether spans were expected.
    pub recording: bool,
    /// The number of spans.
    pub spans: usize,
    /// The number of comparisons with the spec.
    pub assertions: usize,
    /// The experiment that would give more evidence; `None` if there is none, and in documents of
    /// spanproof 0.1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Experiment>,
}

/// A further run of a case that would give more evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Experiment {
    /// The same case with the database witness, which counts the inserts of spans on the server.
    Witness,
    /// The same case with the witness and a server that serves no other service.
    OwnServer,
    /// An experiment of a newer version.
    #[serde(other)]
    Unknown,
}

impl Judgement {
    /// Creates a judgement with all counts 0.
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
    /// Returns the findings; empty unless the verdict is [`Verdict::Fail`] or [`Verdict::Notice`].
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Fail(findings) | Self::Notice(findings) => findings,
            _ => &[],
        }
    }

    /// Returns the code of the first finding, which names the reason; `None` without findings.
    pub fn code(&self) -> Option<Code> {
        self.findings().first().map(|finding| finding.code)
    }
}
