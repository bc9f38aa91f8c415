//! Converts runs, plans and traces into the documents of [`spanproof_format`].
//!
//! Everything that a report prints is computed before or in this module. So two reports of the same
//! document can't disagree.

mod case;
mod failure;
mod flag;
mod plan;
mod run;
mod sweep;
mod traces;
mod untried;

pub use plan::plan;
