//! spanproof proves that a service's tracing really records.

mod chain;
pub mod deployment;
pub mod document;

pub mod incident;
pub mod log;
pub mod mask;
pub mod matrix;
pub mod observation;
pub mod outcome;
pub mod preflight;
pub mod process;
pub mod spec;
pub mod suite;
pub mod template;
mod timestamp;
pub mod trace;
pub mod trial;
pub mod upstream;
pub mod verdict;
