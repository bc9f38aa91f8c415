//! Running one case: world up, job in, settled, evidence home, world down.

mod error;
mod readiness;
mod run;
mod service;
mod world;

pub use error::Error;
pub use run::{Trial, TrialBuilder};
pub use world::{World, WorldBuilder};
