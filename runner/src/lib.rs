//! The job runner: the system under test.
//!
//! Clients submit jobs by two HTTP routes. A job consists of units: one question for one model in
//! one region. A unit has one row in the table `executions`, its execution. Both routes execute
//! units with the same code, and a tracer records the spans of each unit in the database.
//!
//! [`Assembly`] replaces single parts of the runner. Tests use it to start runners with known
//! faults, so this crate itself contains no fault.

mod api;
mod app;
pub mod config;
mod database_error;
mod execute;
pub mod jobspec;
mod log;
pub mod router;
pub mod spans;
mod stop;
pub mod store;
mod worker;

pub use app::{Assembly, Context, Parts, StartError, Tracers, run};

/// A boxed future, as returned by trait methods.
pub type Pending<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
