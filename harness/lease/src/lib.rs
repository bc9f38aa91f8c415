//! Folders, processes, containers and database servers that never outlive the processes that use
//! them. It does not matter whether these processes end by a panic, `abort`, a signal or SIGKILL.
//!
//! A [`Lease`] makes a process a user of a folder. Several processes can use one folder, each with
//! its own [`Lease`]. When the last user has ended, every resource registered with [`Lease::guard`]
//! is removed, and then the folder. [`guard`] registers a resource that is removed when the calling
//! process has ended, even if other processes still run:
//!
//! ```
//! use spanproof_lease::{Resource, guard};
//!
//! # fn main() -> std::io::Result<()> {
//! let scratch = tempfile::tempdir()?;
//! let guard = guard(Resource::Folder(scratch.path().to_owned()))?;
//! // If this process is killed here, the folder is still removed.
//! drop(guard);
//! # Ok(())
//! # }
//! ```
//!
//! The folder contains a FIFO. Each user has the FIFO open for writing, and a small `/bin/sh`
//! process, the reaper, reads from it. The kernel closes the FIFO for a process that dies, so no
//! process has to release its lease. If the reaper is killed, a remaining user starts another
//! reaper. If no user remains either, the next process that creates a lease sweeps: it removes the
//! leftovers. The reaper needs `/bin/sh` and the usual small tools.
//!
//! [`output`] runs a command and kills it if the caller stops waiting or dies. [`wait`] waits for a
//! condition with a deadline.

mod environment;
mod folder;
mod journal;
mod lease;
mod port;
mod program;
mod resource;
mod supervisor;
mod sweep;
pub mod wait;
mod watcher;

pub use journal::{Guard, LeaseOptions};
pub use lease::{Lease, guard, input};
pub use port::Reservation;
pub use program::output;
pub use resource::Resource;
pub use sweep::{kept_folders, remove_folder, sweep};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
