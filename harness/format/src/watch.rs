//! Jobs of an existing system while they arrive.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// All that `watch` shows at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WatchFrame {
    /// The jobs, the newest last.
    pub jobs: Vec<WatchedJob>,
    /// The name of the table of units.
    pub unit_table: String,
    /// Which database is watched, and how.
    pub status: String,
}

/// A job at the moment of the last poll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WatchedJob {
    /// The job's id.
    pub id: String,
    /// The job's status.
    pub status: String,
    /// The number of its units, by status.
    pub units: BTreeMap<String, usize>,
    /// The number of its spans; `None` if they could not be read.
    pub spans: Option<usize>,
    /// Seconds for which it has had units and no span; `None` if it has spans or no units.
    pub dark_s: Option<u64>,
}

impl WatchFrame {
    /// Creates a frame.
    pub fn new(
        jobs: Vec<WatchedJob>,
        unit_table: impl Into<String>,
        status: impl Into<String>,
    ) -> Self {
        Self { jobs, unit_table: unit_table.into(), status: status.into() }
    }
}

impl WatchedJob {
    /// Creates a job without units whose spans were not read.
    pub fn new(id: impl Into<String>, status: impl Into<String>) -> Self {
        let (units, spans, dark_s) = (BTreeMap::new(), None, None);
        Self { id: id.into(), status: status.into(), units, spans, dark_s }
    }
}
