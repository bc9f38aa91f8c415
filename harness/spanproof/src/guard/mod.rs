//! The guard: compares the flags in deploy manifests with what passing cases proved about them. A flag is
//! an environment variable of the service. An environment is a place with its own manifests, such as
//! production.

mod base;
mod case;
mod comparison;
mod deployed;
mod effect;
mod environment;
mod error;
mod fingerprint;
mod judged;
mod proof;
mod setting;

pub use base::GuardBase;
pub use case::DeployedCase;
pub use comparison::GuardInput;
pub use error::GuardError;
