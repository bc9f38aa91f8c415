//! Converts runs, plans and traces into the documents of [`spanproof_format`].
//!
//! Everything that a report prints is computed here or earlier, so two reports of one document
//! can't disagree.

mod case;
mod failure;
mod plan;
mod run;
mod traces;

pub use plan::plan;
