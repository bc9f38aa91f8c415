//! The job runner: the system under test.
//!
//! Jobs are submitted by two routes; both execute questions with the same code, and a database
//! tracer records each question. A program can replace single parts of the runner ([`Assembly`]):
//! tests start runners with known faults this way, and this crate contains no fault.

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
