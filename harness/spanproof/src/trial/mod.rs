//! Running one case: world up, job in, settled, observation home, world down.

mod builder;
mod clock;
mod disturbed;
mod error;
mod fault;
mod job;
mod overrides;
mod program;
mod readiness;
mod recovery;
mod rows;
mod run;
mod schema;
mod service;
mod session;
mod witness;
mod world;

pub use builder::TrialBuilder;
pub(crate) use error::Error;
pub use error::WorldError;
pub(crate) use overrides::Overrides;
pub use overrides::Timeouts;
pub use run::Trial;
use world::Request;
pub use world::{World, WorldBuilder};
