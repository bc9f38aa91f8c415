//! Replays of incidents, and stored evidence that was judged again.

use serde::{Deserialize, Serialize};

use super::case::Case;
use super::judgement::Judgement;

/// What the replay of an incident found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Replay {
    /// The file of the incident.
    pub path: String,
    /// The verdict that the replay must have; `None` if it must be the recorded one.
    pub expects: Option<String>,
    /// How the replay compares.
    pub faithful: Faithful,
    /// Every way that was tried, the nearest first.
    pub tried: Vec<Reproduction>,
    /// What could not be recreated as it was.
    pub lacking: Vec<String>,
    /// Whether the program is not the recorded one; that is in `lacking`, too.
    #[serde(default)]
    pub other_program: bool,
}

/// How a replay compares with its incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Faithful {
    /// The same verdict and the same funnel, in the same world.
    Reproduced,
    /// The same, in a world that may not be the same.
    Perhaps,
    /// Another verdict or another funnel.
    Differs,
    /// The world did not come up.
    Broken,
}

/// One way in which the world was recreated, and the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reproduction {
    /// The case.
    pub case: Case,
    /// Its judgement.
    pub judgement: Judgement,
    /// Differences from the incident; empty if there are none.
    pub differences: Vec<String>,
}

/// An adopted incident that was replayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Incident {
    /// The file of the incident.
    pub path: String,
    /// The verdict that the replay must have.
    pub expects: Option<String>,
    /// Whether the incident is back.
    pub back: bool,
    /// Differences of the nearest replay; empty if there are none.
    pub differences: Vec<String>,
    /// The replay; `None` in a document of the first versions.
    #[serde(default)]
    pub replay: Option<Replay>,
}

/// What judging the stored evidence of an incident again found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Rejudged {
    /// The file of the incident.
    pub path: String,
    /// Why the file may not be the whole incident.
    pub doubts: Vec<String>,
    /// The new judgement.
    pub judgement: Judgement,
    /// Differences from the recorded judgement; empty if there are none.
    pub differences: Vec<String>,
}

impl Replay {
    /// Creates a replay that tried nothing yet.
    pub fn new(path: impl Into<String>, faithful: Faithful) -> Self {
        Self {
            path: path.into(),
            expects: None,
            faithful,
            tried: Vec::new(),
            lacking: Vec::new(),
            other_program: false,
        }
    }
}

impl Reproduction {
    /// Creates the result of one way.
    pub fn new(case: Case, judgement: Judgement, differences: Vec<String>) -> Self {
        Self { case, judgement, differences }
    }
}

impl Incident {
    /// Creates the result of an adopted incident from its replay.
    pub fn new(replay: Replay, back: bool) -> Self {
        let nearest = replay.tried.first();
        Self {
            path: replay.path.clone(),
            expects: replay.expects.clone(),
            back,
            differences: nearest.map(|one| one.differences.clone()).unwrap_or_default(),
            replay: Some(replay),
        }
    }
}

impl Rejudged {
    /// Creates the result of a file.
    pub fn new(path: impl Into<String>, judgement: Judgement, differences: Vec<String>) -> Self {
        Self { path: path.into(), doubts: Vec::new(), judgement, differences }
    }
}
