//! Removes abandoned leases: the processes that used them died together with their reaper (the shell
//! process that removes a lease after its last user), or with the machine.

use std::fs::{Metadata, symlink_metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, SystemTime};

use nix::unistd::Uid;

use super::environment::temporary_folder;
use super::folder::{KEPT_FILE, PREFIX};
use super::journal;
use super::supervisor::{self, Removal};

/// Minimum age of a folder that a sweep removes. A process may still be creating a younger folder.
const MIN_AGE: Duration = Duration::from_secs(10);

/// Starts removing, in the background, the leases of processes that died together with their reaper.
///
/// A sweep checks this user's `spanproof-*` folders in the folder for temporary files and in
/// `/dev/shm`. If a folder can't be removed now, the next sweep tries again.
pub fn sweep() {
    let thread = std::thread::Builder::new().name("reaper-sweep".into());
    let _started = thread.spawn(|| {
        for folder in prefixed_folders() {
            sweep_folder(&folder);
        }
    });
}

/// Calls [`sweep`] once per process; later calls do nothing.
pub(super) fn sweep_once() {
    static SWEPT: Once = Once::new();
    SWEPT.call_once(sweep);
}

/// Returns this user's folders that were [kept](super::Lease::keep).
pub fn kept_folders() -> Vec<PathBuf> {
    let mut folders = prefixed_folders();
    folders.retain(|folder| is_lease(folder) && folder.join(KEPT_FILE).exists());
    folders
}

/// Removes the folder of a lease that no process uses, even if the folder is kept. Also removes
/// every resource that was registered with [`Lease::guard`](super::Lease::guard), such as
/// processes, containers and other folders. Returns when everything is removed.
///
/// # Errors
/// If a process uses or is removing the folder, if it is not the folder of a lease of this user, or
/// if a part of it can't be removed.
pub fn remove_folder(folder: &Path) -> io::Result<()> {
    let folder = &std::path::absolute(folder)?;
    let failed =
        |kind, what: &str| Err(io::Error::new(kind, format!("{} {what}", folder.display())));
    if !is_lease(folder) {
        return failed(
            io::ErrorKind::InvalidInput,
            "is not a folder that spanproof created for this user",
        );
    }
    if supervisor::has_reaper(folder)? || supervisor::has_users(folder)? {
        return failed(io::ErrorKind::ResourceBusy, "is in use");
    }
    let reader = supervisor::open_for_reading(folder)?;
    supervisor::start(folder, reader, Removal::Now)?.wait()?;
    if folder.exists() {
        return failed(io::ErrorKind::DirectoryNotEmpty, "still exists after its removal");
    }
    Ok(())
}

/// Returns every path named `spanproof-*` in the folder for temporary files and in `/dev/shm`.
fn prefixed_folders() -> Vec<PathBuf> {
    let mut parents = vec![temporary_folder()];
    let memory = PathBuf::from("/dev/shm");
    if !parents.contains(&memory) {
        parents.push(memory);
    }
    let entries = parents.iter().filter_map(|parent| std::fs::read_dir(parent).ok());
    let paths = entries.flat_map(|entries| entries.flatten().map(|entry| entry.path()));
    let has_prefix = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX))
    };
    let mut folders: Vec<_> = paths.filter(has_prefix).collect();
    folders.sort();
    folders
}

/// Starts a reaper for the folder of an abandoned lease. Removes an empty folder whose creator died
/// before it had created the files of the lease.
fn sweep_folder(folder: &Path) {
    if !is_lease(folder) {
        if is_abandoned(folder) {
            // Fails if the folder is not empty.
            let _removed = std::fs::remove_dir(folder);
        }
        return;
    }
    let old = symlink_metadata(folder.join(supervisor::FIFO))
        .is_ok_and(|fifo| fifo.modified().is_ok_and(is_old));
    let has_no_reaper = || matches!(supervisor::has_reaper(folder), Ok(false));
    let has_no_users = || matches!(supervisor::has_users(folder), Ok(false));
    if old && !folder.join(KEPT_FILE).exists() && has_no_reaper() && has_no_users() {
        let _started = supervisor::start_in_background(folder);
    }
}

/// Returns whether the folder has a FIFO of this user, and no journal of another user. The owner of
/// the folder itself does not matter: a Postgres server that runs as another user may need to own
/// the folder.
fn is_lease(folder: &Path) -> bool {
    let is_mine = |file: &Metadata| file.uid() == Uid::effective().as_raw();
    let fifo = symlink_metadata(folder.join(supervisor::FIFO));
    let journal = symlink_metadata(folder.join(journal::FILE));
    symlink_metadata(folder).is_ok_and(|folder| folder.is_dir())
        && fifo.is_ok_and(|fifo| fifo.file_type().is_fifo() && is_mine(&fifo))
        && journal.map_or_else(
            |error| error.kind() == io::ErrorKind::NotFound,
            |journal| journal.is_file() && is_mine(&journal),
        )
}

/// Returns whether this folder, which has no FIFO, is left over from a process that died before it
/// created the FIFO: the folder is old and belongs to this user, and its name ends with `-` and 12
/// hexadecimal digits, as the names of this project's leases do.
fn is_abandoned(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let unique = name.rsplit('-').next().unwrap_or_default();
    let is_named_by_us = unique.len() == 12 && unique.bytes().all(|byte| byte.is_ascii_hexdigit());
    let changed = |folder: &Metadata| {
        u64::try_from(folder.ctime()).map(|time| SystemTime::UNIX_EPOCH + Duration::from_secs(time))
    };
    is_named_by_us
        && symlink_metadata(folder).is_ok_and(|folder| {
            folder.is_dir()
                && folder.uid() == Uid::effective().as_raw()
                && changed(&folder).is_ok_and(is_old)
        })
}

fn is_old(time: SystemTime) -> bool {
    time.elapsed().is_ok_and(|age| age >= MIN_AGE)
}
