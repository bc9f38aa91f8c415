//! The reaper: a tiny shell process that outlives us and removes what we would leave behind.
//!
//! A [`Lease`] is on a folder, which says all there is to know: `things` is the journal of what
//! goes with it, `users` a FIFO that every user holds open. Whatever ends a user (a signal, a
//! panic, `abort`, SIGKILL), the kernel closes its end; when the last one is closed, the reaper
//! removes process groups first, then servers, containers and folders, and the lease's own folder
//! at last. A killed reaper is replaced by any user that is left; when none is, the next process
//! that makes a lease sweeps.
//!
//! The reaper needs nothing but `/bin/sh` and the usual small tools, so that the library works
//! without our own binary.

mod folder;
mod journal;
mod lease;
mod resource;
mod supervisor;
mod sweep;
mod watcher;

pub use journal::{Ending, Guard};
pub use lease::{Lease, guard};
pub use resource::Resource;
pub use sweep::{kept, remove, sweep};
