//! The flags: environment variables that configure the runner. Each flag is read once, and its
//! effective value is printed at startup.
//!
//! No other module reads environment variables.

mod mask;
mod parse;
mod setting;
mod values;

pub use mask::mask_url;
pub use setting::{Setting, Source};
pub use values::{Config, ConfigError, DatabaseUrl, LogLevel, RouterChoice, Switch, environment};
