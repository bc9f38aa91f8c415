//! A folder that exists as long as any process uses it, and the resources removed with it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::stat::Mode;

use super::environment::temporary_folder;
use super::folder::{CLOSED_FILE, INPUT_FILE, KEPT_FILE, PREFIX};
use super::journal::{Guard, Journal, LeaseOptions};
use super::resource::Resource;
use super::supervisor;
use super::sweep;
use super::watcher::Watcher;

/// Makes this process a user of a folder. When the last user has ended, for whatever reason, every
/// resource registered with [`Lease::guard`] is removed, and then the folder. The reaper, a
/// `/bin/sh` process, removes them.
#[derive(Debug)]
pub struct Lease {
    folder: PathBuf,
    journal: Journal,
    watcher: Option<Watcher>,
    fifo: Arc<File>,
}

impl Lease {
    /// Creates `folder` and starts its reaper.
    ///
    /// # Errors
    /// If the folder already exists or can't be created, or `/bin/sh` can't be started.
    pub fn create(folder: &Path) -> io::Result<Self> {
        Self::create_with(folder, LeaseOptions::default())
    }

    /// Creates `folder` with options and starts its reaper.
    ///
    /// # Errors
    /// As for [`Lease::create`].
    #[expect(clippy::needless_pass_by_value, reason = "callers create the options for this call")]
    pub fn create_with(folder: &Path, options: LeaseOptions) -> io::Result<Self> {
        sweep::sweep_once();
        let folder = std::path::absolute(folder)?;
        DirBuilder::new().mode(0o700).create(&folder)?;
        let lease = Self::create_files(&folder, &options);
        if lease.is_err() {
            // No other process knows this folder yet, and no resource is registered with it.
            let _removed = std::fs::remove_dir_all(&folder);
        }
        lease
    }

    /// Creates the files of a lease and starts its reaper. The FIFO comes first: `sweep`, which removes
    /// abandoned leases, recognizes a lease by its FIFO, even if the folder contains nothing else.
    fn create_files(folder: &Path, options: &LeaseOptions) -> io::Result<Self> {
        nix::unistd::mkfifo(&folder.join(supervisor::FIFO), Mode::S_IRUSR | Mode::S_IWUSR)?;
        let journal = Journal::create(folder, options)?;
        // A FIFO without a reader can't be opened for writing, so this process is the reader until
        // the reaper has the FIFO open.
        let reader = supervisor::open_for_reading(folder)?;
        let fifo = supervisor::open_for_writing(folder)?.ok_or(io::ErrorKind::BrokenPipe)?;
        supervisor::start_in_background(folder)?;
        drop(reader);
        Self::new(folder, journal, fifo)
    }

    /// Adds this process to the users of `folder`; `None` if the folder does not exist, if its last user
    /// has ended, or if it is being removed.
    ///
    /// # Errors
    /// If the folder exists and can't be used.
    pub fn join(folder: &Path) -> io::Result<Option<Self>> {
        let folder = std::path::absolute(folder)?;
        let joined = supervisor::open_for_writing(&folder).and_then(|fifo| match fifo {
            // The reaper waits for every process that opens the FIFO before the file `CLOSED_FILE`
            // exists. If this file exists now, the reaper may have finished waiting before we
            // opened the FIFO.
            Some(_) if folder.join(CLOSED_FILE).exists() => Ok(None),
            Some(fifo) => Self::new(&folder, Journal::open(&folder)?, fifo).map(Some),
            None => Ok(None),
        });
        match joined {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            joined => joined,
        }
    }

    fn new(folder: &Path, journal: Journal, fifo: File) -> io::Result<Self> {
        let fifo = Arc::new(fifo);
        let watcher = Some(Watcher::start(Arc::clone(&fifo), folder.to_owned())?);
        Ok(Self { folder: folder.to_owned(), journal, watcher, fifo })
    }

    /// Registers a resource that is removed with the folder, unless the guard is dropped first.
    ///
    /// # Errors
    /// If the journal (the list of resources in the folder) can't be written, if the leader of a process
    /// group has ended, or if a path or name has a line break.
    #[expect(clippy::needless_pass_by_value, reason = "like the function `guard`")]
    pub fn guard(&self, resource: Resource) -> io::Result<Guard> {
        self.journal.guard(&resource)
    }

    /// Returns the folder as an absolute path.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Keeps the folder and its guarded resources until [`remove_folder`](super::remove_folder) is
    /// called.
    ///
    /// # Errors
    /// If the file that marks the folder as kept can't be created.
    pub fn keep(&self) -> io::Result<()> {
        File::create(self.folder.join(KEPT_FILE)).map(drop)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Ends the watcher, the thread that replaces a killed reaper. The watcher also has the FIFO
        // open.
        self.watcher = None;
        if supervisor::has_no_reader(&self.fifo) {
            // This fails if the folder has been removed. After any other error, a later call of `sweep`
            // removes the folder.
            let _started = supervisor::start_in_background(&self.folder);
        }
        supervisor::reap_children();
    }
}

/// Registers `resource` with this process: it is removed if the process ends before the guard is
/// dropped.
///
/// # Errors
/// If the folder of the lease can't be created, `/bin/sh` can't be started, or the leader of a
/// process group has ended.
pub fn guard(resource: Resource) -> io::Result<Guard> {
    with_own_lease(|lease| lease.guard(resource))
}

/// Returns an empty standard input for a process that will be guarded. If this process is killed
/// before the new process is guarded, the reaper finds the new process by this input. The reaper also
/// finds descendants of the new process that left its process group, if they kept this input.
///
/// # Errors
/// If the folder of the lease can't be created, or `/bin/sh` can't be started.
pub fn input() -> io::Result<Stdio> {
    with_own_lease(|lease| {
        let path = lease.folder.join(INPUT_FILE);
        OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
        File::open(&path).map(Stdio::from)
    })
}

/// Calls `action` with the lease that only this process uses. The first call creates the lease.
fn with_own_lease<T>(action: impl FnOnce(&Lease) -> io::Result<T>) -> io::Result<T> {
    // A static is never dropped, so this lease ends with the process.
    static LEASE: Mutex<Option<Lease>> = Mutex::new(None);
    let mut lease = LEASE.lock().unwrap_or_else(PoisonError::into_inner);
    if lease.is_none() {
        let parent = temporary_folder();
        if !parent.is_dir() {
            let parent = parent.display();
            // Not the kind `NotFound`: callers would take that for a missing program.
            return Err(io::Error::other(format!(
                "the folder `{parent}` for temporary files does not exist; set `TMPDIR` to another folder"
            )));
        }
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let folder = parent.join(format!("{PREFIX}{}", &unique[..12]));
        *lease = Some(Lease::create(&folder)?);
    }
    let Some(lease) = lease.as_ref() else { return Err(io::ErrorKind::NotFound.into()) };
    action(lease).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound if !lease.folder.exists() => io::Error::other(format!(
            "the folder `{}`, which is needed for cleaning up, was removed while this process ran; find out \
             what removes files in `{}`, and run again",
            lease.folder.display(),
            temporary_folder().display()
        )),
        _ => error,
    })
}
