//! Many cases on several workers, judged together; and the startup snapshots they share.

mod probe;
mod prove;
mod record;
mod run;
mod sabotages;
mod snapshot;

pub use probe::Counterfactual;
pub use prove::{Proof, Proven, Told, prove};
pub use record::is_run;
pub use run::{Event, Keep, Options, Outcome, Ran, rejudge, run};
pub use snapshot::{Snapshot, State, compare, update};
