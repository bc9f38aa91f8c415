//! The service under test as a child process: launch, output, exit.
//!
//! Knows nothing of specs: it is told a program, its arguments, a folder and the whole environment.

mod child;
mod error;
mod finish;
mod launch;
mod output;
mod port;
mod strays;

pub use child::{Child, Ending, Exit};
pub use error::Error;
pub(crate) use finish::finish;
pub use launch::{Launch, Run, quoted, run};
pub use output::{Line, Output, Stream};
pub use port::Reservation;

/// A nap between two looks at a dying process, where nothing can be awaited.
#[expect(clippy::disallowed_methods, reason = "destructors can't await; each use has a deadline")]
pub(crate) fn nap() {
    std::thread::sleep(std::time::Duration::from_millis(1));
}
