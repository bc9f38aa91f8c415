//! Trials: a trial is one run of the service for one case (a combination of flags, route, upstream and
//! fault). It starts the service with a new database and a fake upstream, submits a job, waits for its
//! end, collects the evidence, and removes everything. A world is what all trials share: the program,
//! the database server and the migrated database.

mod address;
mod before_stop;
mod blind_spot;
mod builder;
mod case_database;
mod earlier_rows;
mod error;
mod fault;
mod fault_run;
mod files;
mod flush;
mod helper_start;
mod inputs;
mod job;
mod job_end;
mod job_name;
mod login;
mod migrate;
mod migrated_database;
mod open;
mod other_databases;
mod other_tables;
mod overrides;
mod phases;
mod problems;
mod processes;
mod program;
mod program_check;
mod progress;
mod reader;
mod readiness;
mod recovery;
mod repeat_run;
mod repetition;
mod request;
mod resources;
mod row_gains;
mod rows;
mod run;
mod schema;
mod server_evidence;
mod service;
mod session;
mod shared;
mod span_jobs;
mod stopwatch;
mod taken_port;
mod tally;
mod trigger;
mod values;
mod witness;
mod world;

pub use builder::TrialBuilder;
pub(crate) use error::Error;
pub use error::WorldError;
pub(crate) use migrated_database::MigratedDatabase;
pub use open::{DatabaseCheck, WorldBuilder};
pub(crate) use overrides::Overrides;
pub use overrides::Timeouts;
pub(crate) use progress::Progress;
pub use run::Trial;
pub use world::World;
