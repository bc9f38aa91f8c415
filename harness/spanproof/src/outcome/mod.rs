//! What each command found, as the documents of [`spanproof_format`].
//!
//! Everything that a report needs is computed here or to the left of here, so two reports of one
//! document can't disagree.

mod case;
mod diagnosis;
mod failure;
mod plan;
mod proof;
mod replay;
mod run;
mod timing;
mod traces;

pub use diagnosis::diagnosis;
pub use plan::plan;
pub use proof::proofs;
pub use replay::{incident, rejudged, replay};
pub use run::run;
pub use timing::timings;
pub use traces::{otlp, traces};
