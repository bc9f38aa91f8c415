//! What one case left behind, as data and as a folder.
//!
//! Everything to the right of this module judges or shows evidence and never touches the world.

mod deployment;
mod model;
mod recovery;
mod rows;
mod secrets;
mod startup;
mod store;
mod witness;

pub use deployment::{Deployment, LogFacts, Neighbour};
pub use model::{Evidence, Reached, StartupCut, Submission};
pub use recovery::Recovery;
pub use rows::{Row, Rows, read_rows};
pub(crate) use rows::{quoted, text, time};
pub use secrets::secrets;
pub use startup::{group, redacted};
pub use store::{Error, FORMAT, list, read, write};
pub use witness::{Failure, Witness};
