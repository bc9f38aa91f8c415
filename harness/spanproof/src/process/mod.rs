//! The service under test as a child process: launch, output, exit.
//!
//! Knows nothing of specs: it is told a program, its arguments, a folder and the whole environment.

mod child;
mod error;
mod launch;
mod output;
mod port;
mod stored;
mod strays;

pub use child::{Child, Ending, Exit};
pub use error::Error;
pub use launch::{Launch, Run, quoted, run};
pub use output::{Line, Output, Stream};
pub use port::Reservation;
