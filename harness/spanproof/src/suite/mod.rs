//! Runs many cases in parallel, judges each case, and compares the cases with each other. Compares the
//! startup output with snapshots.

mod attempt;
mod baseline;
mod budget;
mod event;
mod flag_repetitions;
mod health;
mod longer_wait;
mod options;
mod own_server;
mod passing_changes;
mod pool;
mod prove;
mod record;
mod result;
mod run;
mod sabotages;
mod second_trial;
mod slowdown;
mod snapshot;
mod stored_run;
mod sweep;
mod trials;

pub(crate) use budget::further_runs;
pub use event::RunEvent;
pub use options::{KeepDatabases, RunOptions};
pub(crate) use passing_changes::may_be_missed;
pub use prove::{ProofResult, prove};
pub use record::is_run_folder;
pub(crate) use result::PassingChange;
pub use result::{CaseResult, RunResult};
pub use run::run;
pub use snapshot::{Snapshot, compare_snapshots, update_snapshots};
pub use stored_run::rejudge_run;
pub use sweep::SweepResult;
