//! What a run, a plan and a query for traces found, as the documents of [`spanproof_format`].
//!
//! Everything that a report needs is computed here or to the left of here, so two reports of one
//! document can't disagree.

mod case;
mod failure;
mod plan;
mod run;
mod traces;

pub use plan::plan;
