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

pub use options::{Keep, Options};
pub use prove::{Proof, Proven, Told, prove};
pub use record::is_run;
pub use result::{CaseResult, Counterfactual, RunResult};
pub use run::{Event, rejudge, run};
pub use snapshot::{Snapshot, State, compare, update};
