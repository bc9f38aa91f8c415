//! The flags: each is read here, once, and its effective value is printed at startup.
//!
//! Nothing else in the runner looks at the environment.

mod mask;
mod reading;
mod setting;
mod values;

pub use mask::mask_url;
pub use setting::{Setting, Source};
pub use values::{Config, DatabaseUrl, LogLevel, Problem, RouterChoice, Switch, environment};
