//! The app: putting the parts together, starting them in order, stopping them in order.

mod assembly;
mod error;
mod serve;

pub use assembly::{Assembly, Given, Parts, Tracers};
pub use error::StartError;
pub use serve::run;
