//! Jobs of an existing system while they arrive.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::deployment::JobProgress;

/// All that `watch` shows at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchFrame {
    /// The jobs, the newest last.
    pub jobs: Vec<WatchedJob>,
    /// The name of the table of units.
    pub unit_table: String,
    /// Which database is watched, and how.
    pub status: String,
}

/// A job at the moment of the last poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedJob {
    /// The job's id.
    pub id: String,
    /// The job's status.
    pub status: String,
    /// The number of its units, by status.
    pub units: BTreeMap<String, usize>,
    /// The number of its spans; `None` if they could not be read.
    pub spans: Option<usize>,
    /// How long it has had units and no span; `None` if that is not so.
    pub dark: Option<Duration>,
}

impl WatchedJob {
    /// Creates a job from what a poll found.
    pub fn new(beat: &JobProgress, dark: Option<Duration>) -> Self {
        Self {
            id: beat.job.clone(),
            status: beat.status.clone(),
            units: beat.units.clone(),
            spans: beat.spans,
            dark,
        }
    }
}
