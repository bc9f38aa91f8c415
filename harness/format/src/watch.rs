//! The screens that `watch` shows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One screen of `watch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WatchFrame {
    /// The jobs, newest last.
    pub jobs: Vec<WatchedJob>,
    /// The name of the table of units. A unit is one piece of a job's work.
    pub unit_table: String,
    /// The status line: the database, and whether changes are found by notifications or polling.
    pub status: String,
}

/// A job at the time of the last poll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WatchedJob {
    /// The job's id.
    pub id: String,
    /// The job's status.
    pub status: String,
    /// The number of units with each status.
    pub units: BTreeMap<String, usize>,
    /// The number of spans; `None` if they can't be read.
    pub spans: Option<usize>,
    /// The number of seconds for which the job has had units but no spans; `None` if it has spans or
    /// no units.
    #[serde(rename = "dark_s")]
    pub without_spans_s: Option<u64>,
}

impl WatchFrame {
    /// Creates a screen.
    pub fn new(
        jobs: Vec<WatchedJob>,
        unit_table: impl Into<String>,
        status: impl Into<String>,
    ) -> Self {
        Self { jobs, unit_table: unit_table.into(), status: status.into() }
    }
}

impl WatchedJob {
    /// Creates a job without units and with an unknown number of spans.
    pub fn new(id: impl Into<String>, status: impl Into<String>) -> Self {
        let (units, spans, without_spans_s) = (BTreeMap::new(), None, None);
        Self { id: id.into(), status: status.into(), units, spans, without_spans_s }
    }
}
