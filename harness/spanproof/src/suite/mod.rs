//! Many cases on several workers, judged together; and the startup snapshots they share.

mod attempt;
mod options;
mod probe;
mod prove;
mod record;
mod result;
mod run;
mod sabotages;
mod snapshot;

pub use options::{Keep, RunOptions};
pub use prove::{Proven, prove};
pub use record::is_run;
pub(crate) use result::Counterfactual;
pub use result::{CaseResult, RunResult};
pub use run::{RunEvent, rejudge_run, run};
pub use snapshot::{Snapshot, compare_snapshots, update_snapshots};
