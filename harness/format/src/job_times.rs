//! The times of a job with and without tracing, measured in alternating trials.

use serde::{Deserialize, Serialize};

/// How long the same job takes in trials of a case with tracing on and of a case with tracing off.
/// The trials alternate, and each runs alone. The first trial has tracing off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobTimes {
    /// The id of the case with tracing off.
    pub off_case: String,
    /// Milliseconds from the submission to the end of the job, in each trial with tracing on.
    pub on_ms: Vec<u64>,
    /// Milliseconds in each trial with tracing off.
    pub off_ms: Vec<u64>,
}

impl JobTimes {
    /// Creates the times of a job from pairs of milliseconds: with tracing off, then with tracing on.
    pub fn new(off_case: impl Into<String>, pairs: &[(u64, u64)]) -> Self {
        let (off_ms, on_ms) = pairs.iter().copied().unzip();
        Self { off_case: off_case.into(), on_ms, off_ms }
    }
}
