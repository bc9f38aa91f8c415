//! Runs the service under test as a child process: starts it, reads its output, stops it. Does not
//! depend on specs.

mod child;
mod connection;
mod daemons;
mod error;
mod family;
mod launch;
mod output;
mod stored;
mod strays;

pub(crate) use child::Child;
pub use child::{Ending, Exit};
pub(crate) use error::Error;
pub use error::ProcessError;
pub(crate) use family::{Family, POSTGRES};
pub use launch::quoted;
pub(crate) use launch::{Launch, Run, run};
pub use output::{Line, Output, Stream};
pub(crate) use strays::{Activity, stopped_descendant, stopped_sibling};
