//! spanproof proves that a service's tracing really records.

pub mod mask;
pub mod postgres;
pub mod process;
pub mod reaper;
pub mod wait;
