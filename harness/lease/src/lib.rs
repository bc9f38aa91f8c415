//! Folders, processes, containers and database servers that never outlive the processes that use
//! them, whatever ends those: a panic, `abort`, a signal, SIGKILL.
//!
//! A [`Lease`] is on a folder. Every process that uses the folder holds a lease on it; when the last
//! one has gone, everything that is [guarded](Lease::guard) with the folder is removed, and then the
//! folder. [`guard`] does the same for the calling process alone:
//!
//! ```
//! use spanproof_lease::{Resource, guard};
//!
//! # fn main() -> std::io::Result<()> {
//! let scratch = tempfile::tempdir()?;
//! let guard = guard(Resource::Folder(scratch.path().to_owned()))?;
//! // If this process is killed here, the folder is removed all the same.
//! drop(guard);
//! # Ok(())
//! # }
//! ```
//!
//! A lease is a FIFO that each user holds open and that a small `/bin/sh` process, the reaper,
//! reads. The kernel closes the end of a user that dies, so no process has to release its lease. A reaper that
//! was killed is replaced by any user that is left; if none is, the next process that makes a lease
//! removes what is left over. The reaper needs `/bin/sh` and the usual small tools.
//!
//! [`finish`] runs a command that is killed when its caller gives up or dies, and [`wait`] waits for
//! a condition with a deadline.

mod environment;
mod folder;
mod journal;
mod lease;
mod program;
mod resource;
mod supervisor;
mod sweep;
pub mod wait;
mod watcher;

pub use journal::{Ending, Guard};
pub use lease::{Lease, guard};
pub use program::finish;
pub use resource::Resource;
pub use sweep::{kept, remove, sweep};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
