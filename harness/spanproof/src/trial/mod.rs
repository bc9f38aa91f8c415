//! Runs one case: creates its world, submits the job, waits, collects the evidence, removes the world.

mod address;
mod builder;
mod error;
mod fault;
mod fault_run;
mod flush;
mod job;
mod job_end;
mod login;
mod migrate;
mod open;
mod overrides;
mod processes;
mod program;
mod readiness;
mod recovery;
mod request;
mod resources;
mod rows;
mod run;
mod schema;
mod service;
mod session;
mod shared;
mod stopwatch;
mod values;
mod witness;
mod world;

pub use builder::TrialBuilder;
pub(crate) use error::Error;
pub use error::WorldError;
pub use open::WorldBuilder;
pub(crate) use overrides::Overrides;
pub use overrides::Timeouts;
pub use run::Trial;
pub use world::World;
