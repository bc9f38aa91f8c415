//! Runs many cases on several workers and judges them together. Compares startup snapshots.

mod attempt;
mod options;
mod probe;
mod prove;
mod record;
mod result;
mod run;
mod sabotages;
mod snapshot;

pub use options::{KeepDatabases, RunOptions};
pub use prove::{ProofResult, prove};
pub use record::is_run_folder;
pub(crate) use result::PassingChange;
pub use result::{CaseResult, RunResult};
pub use run::{RunEvent, rejudge_run, run};
pub use snapshot::{Snapshot, compare_snapshots, update_snapshots};
