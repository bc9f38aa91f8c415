//! Replays of incidents, and new judgements of stored evidence. An incident is a file with the
//! evidence and the verdict of a case or of an existing system. A replay runs the case again.
//!
//! Two results are the same if they have the same verdict and the same funnel. A funnel counts the
//! units (pieces of a job's work) that reach each stage, from executed to a complete trace.

use serde::{Deserialize, Serialize};

use super::case::Case;
use super::judgement::Judgement;

/// The result of replaying an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Replay {
    /// The file of the incident.
    pub path: String,
    /// The expected verdict, `pass` or a code; `None` if the recorded verdict is expected.
    pub expects: Option<String>,
    /// How the result of the replay compares with the incident.
    #[serde(rename = "faithful")]
    pub outcome: ReplayOutcome,
    /// Every attempt, the attempt with the fewest differences from the incident first. There are
    /// several attempts if several cases fit what is known about the incident.
    #[serde(rename = "tried")]
    pub attempts: Vec<ReplayAttempt>,
    /// The conditions of the incident that are unknown or could not be recreated.
    #[serde(rename = "lacking")]
    pub uncertainties: Vec<String>,
    /// Whether the service's program differs from the recorded program; `uncertainties` also
    /// mentions this.
    #[serde(default)]
    pub other_program: bool,
}

/// How the result of a replay compares with its incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayOutcome {
    /// The replay has the verdict and funnel of the incident, under the same conditions.
    Reproduced,
    /// The replay has the verdict and funnel of the incident, but the conditions may differ.
    #[serde(rename = "perhaps")]
    Uncertain,
    /// The replay has a different verdict or funnel.
    #[serde(rename = "differs")]
    Different,
    /// The replay has no result, because the database or the service did not start.
    Broken,
}

/// One attempt to recreate the incident, with its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReplayAttempt {
    /// The case that was run.
    pub case: Case,
    /// The judgement of the case.
    pub judgement: Judgement,
    /// Differences from the incident; empty if there are none.
    pub differences: Vec<String>,
}

/// An incident that was adopted as a regression test, and its replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AdoptedIncident {
    /// The file of the incident.
    pub path: String,
    /// The expected verdict, `pass` or a code; `None` if the recorded verdict is expected.
    pub expects: Option<String>,
    /// Whether the verdict of the replay differs from the expected verdict.
    #[serde(rename = "back")]
    pub regressed: bool,
    /// Differences between the incident and the first attempt of the replay; empty if there are
    /// none.
    pub differences: Vec<String>,
    /// The replay; `None` in documents of early versions of spanproof.
    #[serde(default)]
    pub replay: Option<Replay>,
}

/// The result of judging the stored evidence of an incident again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Rejudgement {
    /// The file of the incident.
    pub path: String,
    /// Reasons to doubt that the file is complete and unchanged.
    pub doubts: Vec<String>,
    /// The new judgement.
    pub judgement: Judgement,
    /// Differences from the recorded judgement; empty if there are none.
    pub differences: Vec<String>,
}

impl Replay {
    /// Creates a replay without attempts.
    pub fn new(path: impl Into<String>, outcome: ReplayOutcome) -> Self {
        Self {
            path: path.into(),
            expects: None,
            outcome,
            attempts: Vec::new(),
            uncertainties: Vec::new(),
            other_program: false,
        }
    }
}

impl ReplayAttempt {
    /// Creates the result of one attempt.
    pub fn new(case: Case, judgement: Judgement, differences: Vec<String>) -> Self {
        Self { case, judgement, differences }
    }
}

impl AdoptedIncident {
    /// Creates the result of an adopted incident from its replay.
    pub fn new(replay: Replay, regressed: bool) -> Self {
        let first = replay.attempts.first();
        Self {
            path: replay.path.clone(),
            expects: replay.expects.clone(),
            regressed,
            differences: first.map(|attempt| attempt.differences.clone()).unwrap_or_default(),
            replay: Some(replay),
        }
    }
}

impl Rejudgement {
    /// Creates the result of a new judgement, without doubts.
    pub fn new(path: impl Into<String>, judgement: Judgement, differences: Vec<String>) -> Self {
        Self { path: path.into(), doubts: Vec::new(), judgement, differences }
    }
}
