//! Converts documents to text for people. Of the crates of this workspace, reports use only
//! [`spanproof_format`]. They judge nothing, so two reports of a document can't disagree.

mod diagnosis;
mod explain;
mod flag;
mod guard;
mod line;
mod preflight;
mod proof;
mod replay;
mod run;
mod table;
mod timing;
mod watch;
mod waterfall;

pub use diagnosis::diagnosis;
pub use explain::{codes, explanation, reference};
pub use flag::flag_table;
pub use guard::guard;
pub use preflight::preflight;
pub use proof::proofs;
pub use replay::{incidents, rejudgement, replay};
pub use run::{plan, run, summary};
pub use timing::timings;
pub use watch::{frame, job_line};
pub use waterfall::{Canvas, waterfall};
