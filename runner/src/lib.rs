//! The job runner: the system under test.
//!
//! Jobs come in by two routes and lead to one way of executing a question; a database tracer
//! records each. The parts that could go wrong are values that a composing program can replace
//! ([`Assembly`]), so that a test can start a runner with a known fault and this crate needs to
//! know nothing of faults.

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

pub use app::{Assembly, Given, Parts, StartError, Tracers, run};

/// A future behind a trait object.
pub type Pending<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
