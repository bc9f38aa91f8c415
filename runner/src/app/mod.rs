//! The app: builds the parts, starts them in order and shuts them down in order.

mod assembly;
mod error;
mod serve;

pub use assembly::{Assembly, Context, Parts, Tracers};
pub use error::StartError;
pub use serve::run;
