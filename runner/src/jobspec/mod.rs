//! The jobspec: regions, questions and models of a job, and its units of work.

mod field;
mod submission;
mod units;

pub use field::InvalidField;
pub use submission::{JobSpec, Model, Submission};
pub use units::{Unit, units};
