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

mod journal;
mod lease;
mod supervisor;
mod sweep;
mod thing;
mod watcher;

use std::io;
use std::sync::{Mutex, PoisonError};

pub use journal::{Ending, Guard};
pub use lease::Lease;
pub use sweep::{kept, remove, sweep};
pub use thing::Thing;

/// What the names of all our folders begin with.
const FOLDER: &str = "spanproof-";

/// Registers `thing` on this process's own lease: it is removed when this process ends without
/// having dropped the guard.
///
/// # Errors
/// When no folder can be made for the lease, `/bin/sh` can't be started, or the leader of a group
/// is not there any more.
pub fn guard(thing: Thing) -> io::Result<Guard> {
    // Never dropped: it ends with the process.
    static OWN: Mutex<Option<Lease>> = Mutex::new(None);
    let mut own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(lease) = &*own {
        return lease.guard(thing);
    }
    let unique = uuid::Uuid::new_v4().simple().to_string();
    let lease = Lease::make(&std::env::temp_dir().join(format!("{FOLDER}{}", &unique[..12])))?;
    let guard = lease.guard(thing);
    *own = Some(lease);
    guard
}
