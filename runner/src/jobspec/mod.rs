//! The jobspec: what a job asks, and the units of work that follow from it.

mod field;
mod submission;
mod units;

pub use field::Invalid;
pub use submission::{JobSpec, Model, Submission};
pub use units::{Unit, units};
