//! A folder and all that goes with it, for as long as anybody uses it.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::stat::Mode;

use super::environment::temporary_folder;
use super::folder::{KEPT, OVER, PREFIX};
use super::journal::{Ending, Guard, Journal};
use super::resource::Resource;
use super::supervisor;
use super::sweep;
use super::watcher::Watcher;

/// One user of a folder. When the last one has gone, however it went, everything that is guarded
/// with the folder is removed, and then the folder.
#[derive(Debug)]
pub struct Lease {
    folder: PathBuf,
    journal: Journal,
    watcher: Option<Watcher>,
    users: Arc<File>,
}

impl Lease {
    /// Makes `folder` and starts its reaper.
    ///
    /// # Errors
    /// When the folder is there already or can't be made, or `/bin/sh` can't be started.
    pub fn make(folder: &Path) -> io::Result<Self> {
        Self::make_with(folder, Ending::default())
    }

    /// Makes `folder`, which ends in its own way.
    ///
    /// # Errors
    /// As [`Lease::make`].
    #[expect(clippy::needless_pass_by_value, reason = "a value that is made for this call")]
    pub fn make_with(folder: &Path, ending: Ending) -> io::Result<Self> {
        sweep::once();
        let folder = std::path::absolute(folder)?;
        DirBuilder::new().mode(0o700).create(&folder)?;
        let made = Self::fill(&folder, &ending);
        if made.is_err() {
            // Nobody has seen it, and it has no server yet.
            let _removed = std::fs::remove_dir_all(&folder);
        }
        made
    }

    /// The FIFO comes first: a folder with it is found by a sweep, whatever else it has.
    fn fill(folder: &Path, ending: &Ending) -> io::Result<Self> {
        nix::unistd::mkfifo(&folder.join(supervisor::NAME), Mode::S_IRUSR | Mode::S_IWUSR)?;
        let journal = Journal::create(folder, ending)?;
        // A user can't come without a reaper: its end is there before the process is.
        let reading = supervisor::reading(folder)?;
        let users = supervisor::user(folder)?.ok_or(io::ErrorKind::BrokenPipe)?;
        supervisor::leave(folder)?;
        drop(reading);
        Self::of(folder, journal, users)
    }

    /// One more user of `folder`; none when it has ended or is about to.
    ///
    /// # Errors
    /// When the folder is there and can't be used.
    pub fn join(folder: &Path) -> io::Result<Option<Self>> {
        let folder = std::path::absolute(folder)?;
        let joined = supervisor::user(&folder).and_then(|users| match users {
            // Whoever opens it before this file is there is served; a sweep may have looked at
            // one that is not.
            Some(_) if folder.join(OVER).exists() => Ok(None),
            Some(users) => Self::of(&folder, Journal::open(&folder)?, users).map(Some),
            None => Ok(None),
        });
        match joined {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            joined => joined,
        }
    }

    fn of(folder: &Path, journal: Journal, users: File) -> io::Result<Self> {
        let users = Arc::new(users);
        let watcher = Some(Watcher::start(Arc::clone(&users), folder.to_owned())?);
        Ok(Self { folder: folder.to_owned(), journal, watcher, users })
    }

    /// Registers something that goes with the folder, unless the guard is dropped before.
    ///
    /// # Errors
    /// When the journal can't be written, or a group's leader is not there any more.
    #[expect(clippy::needless_pass_by_value, reason = "as in `reaper::guard`")]
    pub fn guard(&self, resource: Resource) -> io::Result<Guard> {
        self.journal.guard(&resource)
    }

    /// The folder, as an absolute path.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Lets the folder, and what is guarded with it, stay until [`remove`](super::remove).
    ///
    /// # Errors
    /// When the mark can't be written.
    pub fn keep(&self) -> io::Result<()> {
        File::create(self.folder.join(KEPT)).map(drop)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Before our end is closed: the watcher has it as well.
        self.watcher = None;
        if supervisor::is_gone(&self.users) {
            // The folder may be gone, too; a sweep finds whatever is left.
            let _started = supervisor::leave(&self.folder);
        }
        supervisor::bury();
    }
}

/// Registers `resource` on this process's own lease: it is removed when this process ends without
/// having dropped the guard.
///
/// # Errors
/// When no folder can be made for the lease, `/bin/sh` can't be started, or the leader of a group
/// is not there any more.
pub fn guard(resource: Resource) -> io::Result<Guard> {
    // Never dropped: it ends with the process.
    static OWN: Mutex<Option<Lease>> = Mutex::new(None);
    let mut own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(lease) = &*own {
        return lease.guard(resource);
    }
    let unique = uuid::Uuid::new_v4().simple().to_string();
    let lease = Lease::make(&temporary_folder().join(format!("{PREFIX}{}", &unique[..12])))?;
    let guard = lease.guard(resource);
    *own = Some(lease);
    guard
}
