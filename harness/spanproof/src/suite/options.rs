//! The options of a run of many cases.

use std::path::PathBuf;
use std::time::Instant;

use tokio::sync::watch;

use crate::spec::Day;

/// The options of a run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunOptions {
    /// Number of cases that run at once.
    pub workers: usize,
    /// The folder for the evidence, with one folder per case.
    pub evidence: PathBuf,
    /// Which databases are kept after the run.
    pub keep_databases: KeepDatabases,
    /// Whether every case runs with the database witness, which counts attempts to insert spans. If
    /// `false`, a case is repeated with the witness only if its evidence does not explain why spans
    /// are missing.
    pub witness: bool,
    /// Whether the run may add cases to find single changes that make failing cases pass, and repeat cases to
    /// find out what the values of flags do.
    pub probe: bool,
    /// Whether this run will be stored as a proof of what the flags do. If so, all cases are repeated whose
    /// difference may come from chance instead of a flag, not only the first ones.
    pub prove_flags: bool,
    /// Today's date, which decides whether a known failure is still accepted.
    pub today: Day,
    /// When the run ends at the latest; `None` for no limit. Cases that are still running then are reported
    /// as broken, and no other case starts.
    pub deadline: Option<Instant>,
    /// Becomes `true` to cancel the run: no more cases start, and running cases are dropped.
    pub cancelled: watch::Receiver<bool>,
}

impl RunOptions {
    /// Creates options with two workers per processor. The run may add and repeat cases, and keeps no database.
    pub fn new(evidence: impl Into<PathBuf>, cancelled: watch::Receiver<bool>) -> Self {
        let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            workers: 2 * processors,
            evidence: evidence.into(),
            keep_databases: KeepDatabases::Never,
            witness: false,
            probe: true,
            prove_flags: false,
            today: Day::today(),
            deadline: None,
            cancelled,
        }
    }
}

/// Which databases are kept after the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeepDatabases {
    /// No database.
    #[default]
    Never,
    /// The databases of cases that do not pass on their own. A case that fails only in the comparison
    /// with other cases does not keep its database.
    OnFailure,
    /// All databases.
    Always,
}
