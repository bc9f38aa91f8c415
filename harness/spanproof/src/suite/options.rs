//! How cases are run, and what stays of them.

use std::path::PathBuf;

use tokio::sync::watch;

use crate::spec::Day;

/// How to run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunOptions {
    /// How many cases run at once.
    pub workers: usize,
    /// The folder that the evidence goes to, one folder per case.
    pub evidence: PathBuf,
    /// Which databases stay.
    pub keep: Keep,
    /// Whether the server is a witness in every case; otherwise it is in a second look at cases
    /// whose own evidence does not tell why spans were not written.
    pub witness: bool,
    /// Whether extra cases may be run to find out what alone would make a failing case pass.
    pub probe: bool,
    /// The day by which known failures are accepted.
    pub today: Day,
    /// Becomes true when no more cases should start and running ones should be dropped.
    pub cancelled: watch::Receiver<bool>,
}

impl RunOptions {
    /// Creates options with two workers a processor and extra cases, that keep no database.
    pub fn new(evidence: impl Into<PathBuf>, cancelled: watch::Receiver<bool>) -> Self {
        let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            workers: 2 * processors,
            evidence: evidence.into(),
            keep: Keep::Nothing,
            witness: false,
            probe: true,
            today: Day::today(),
            cancelled,
        }
    }
}

/// Which databases outlive the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keep {
    /// None.
    #[default]
    Nothing,
    /// Those of cases that do not pass by themselves.
    Failing,
    /// All.
    Everything,
}
