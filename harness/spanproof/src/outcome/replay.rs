//! Replays of incidents, and stored evidence that was judged again.

use std::path::PathBuf;

use crate::incident::{Adopted, Bundle, Faithful, Replayed, Reproduction};
use crate::verdict::Judgement;

/// What the replay of an incident found.
#[derive(Debug, Clone)]
pub struct ReplayOutcome {
    /// The file of the incident.
    pub path: PathBuf,
    /// The verdict that the replay must have; `None` if it must be the recorded one.
    pub expects: Option<String>,
    /// How the replay compares.
    pub faithful: Faithful,
    /// Every way that was tried, the nearest first.
    pub tried: Vec<Reproduction>,
    /// What could not be recreated as it was.
    pub lacking: Vec<String>,
}

/// What the replay of an adopted incident found.
#[derive(Debug, Clone)]
pub struct IncidentOutcome {
    /// The replay.
    pub replay: ReplayOutcome,
    /// Whether the incident is back.
    pub back: bool,
}

/// What judging the stored evidence of an incident again found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejudgeOutcome {
    /// The file of the incident.
    pub path: PathBuf,
    /// Why the file may not be the whole incident.
    pub doubts: Vec<String>,
    /// The new judgement.
    pub judgement: Judgement,
    /// Differences from the recorded judgement; empty if there are none.
    pub differences: Vec<String>,
}

impl ReplayOutcome {
    /// Creates the outcome of a replay.
    pub fn new(bundle: &Bundle, replayed: &Replayed) -> Self {
        Self {
            path: bundle.path.clone(),
            expects: bundle.expects.clone(),
            faithful: replayed.faithful,
            tried: replayed.tried.clone(),
            lacking: replayed.lacking.clone(),
        }
    }
}

impl IncidentOutcome {
    /// Creates the outcome of an adopted incident.
    pub fn new(adopted: &Adopted) -> Self {
        let replay = ReplayOutcome::new(&adopted.bundle, &adopted.replayed);
        Self { replay, back: adopted.is_back() }
    }
}

impl RejudgeOutcome {
    /// Creates the outcome of evidence that was judged again.
    pub fn new(bundle: &Bundle, judgement: &Judgement, differences: &[String]) -> Self {
        Self {
            path: bundle.path.clone(),
            doubts: bundle.doubts.clone(),
            judgement: judgement.clone(),
            differences: differences.to_vec(),
        }
    }
}
