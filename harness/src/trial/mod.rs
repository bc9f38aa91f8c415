//! Running one case: world up, job in, settled, evidence home, world down.

mod builder;
mod error;
mod fault;
mod life;
mod readiness;
mod recovery;
mod run;
mod sabotage;
mod schema;
mod service;
mod session;
mod witness;
mod world;

pub use builder::TrialBuilder;
pub use error::Error;
pub use run::{Scenery, Trial};
pub use sabotage::Sabotage;
pub use world::{World, WorldBuilder};
