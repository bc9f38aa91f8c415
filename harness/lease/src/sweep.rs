//! What is left of those who died together with their reaper, or with the machine.

use std::fs::{Metadata, symlink_metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, SystemTime};

use nix::unistd::Uid;

use super::environment::temporary_folder;
use super::folder::{KEPT, PREFIX};
use super::journal;
use super::supervisor::{self, When};

/// A younger folder may be one that is just being made.
const AGE: Duration = Duration::from_secs(10);

/// Removes, in the background, what is left of those who died together with their reaper.
///
/// It looks at the `spanproof-*` folders of this user where leases are made. What it can't remove
/// stays for the next time.
pub fn sweep() {
    let named = std::thread::Builder::new().name("reaper-sweep".into());
    let _started = named.spawn(|| {
        for folder in folders() {
            tidy(&folder);
        }
    });
}

/// Sweeps when this process makes its first lease.
pub(super) fn once() {
    static SWEPT: Once = Once::new();
    SWEPT.call_once(sweep);
}

/// The folders of this user that were [kept](super::Lease::keep).
pub fn kept() -> Vec<PathBuf> {
    let mut kept = folders();
    kept.retain(|folder| is_lease(folder) && folder.join(KEPT).exists());
    kept
}

/// Ends what goes with a folder that nobody uses, kept or not, removes it, and waits for that.
///
/// # Errors
/// When somebody uses it, or is removing it; when it is no folder of this user's leases; when
/// something of it could not be removed.
pub fn remove(folder: &Path) -> io::Result<()> {
    let folder = &std::path::absolute(folder)?;
    let failed =
        |kind, what: &str| Err(io::Error::new(kind, format!("{} {what}", folder.display())));
    if !is_lease(folder) {
        return failed(io::ErrorKind::InvalidInput, "is not a folder of spanproof");
    }
    if supervisor::user(folder)?.is_some() || supervisor::has_users(folder)? {
        return failed(io::ErrorKind::ResourceBusy, "is in use");
    }
    let mut reaper = supervisor::start(folder, supervisor::reading(folder)?, When::Now)?;
    reaper.wait()?;
    if folder.exists() {
        return failed(io::ErrorKind::DirectoryNotEmpty, "could not be removed");
    }
    Ok(())
}

/// Everything with our prefix, where leases are made.
fn folders() -> Vec<PathBuf> {
    let mut places = vec![temporary_folder()];
    let memory = PathBuf::from("/dev/shm");
    if !places.contains(&memory) {
        places.push(memory);
    }
    let entries = places.iter().filter_map(|place| std::fs::read_dir(place).ok());
    let paths = entries.flat_map(|entries| entries.flatten().map(|entry| entry.path()));
    let named = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX))
    };
    let mut folders: Vec<_> = paths.filter(named).collect();
    folders.sort();
    folders
}

fn tidy(folder: &Path) {
    if !is_lease(folder) {
        if is_unfilled(folder) {
            // Nothing but an empty folder can be removed by this.
            let _removed = std::fs::remove_dir(folder);
        }
        return;
    }
    let old = symlink_metadata(folder.join(supervisor::NAME))
        .is_ok_and(|users| users.modified().is_ok_and(is_old));
    let unsupervised = || matches!(supervisor::user(folder), Ok(None));
    let unused = || matches!(supervisor::has_users(folder), Ok(false));
    if old && !folder.join(KEPT).exists() && unsupervised() && unused() {
        let _started = supervisor::leave(folder);
    }
}

/// Whether it has a FIFO of this user, and no journal of somebody else. The folder itself may have
/// been given to the user that a server runs as.
fn is_lease(folder: &Path) -> bool {
    let owner = |file: &Metadata| file.uid() == Uid::effective().as_raw();
    let users = symlink_metadata(folder.join(supervisor::NAME));
    let things = symlink_metadata(folder.join(journal::NAME));
    symlink_metadata(folder).is_ok_and(|folder| folder.is_dir())
        && users.is_ok_and(|users| users.file_type().is_fifo() && owner(&users))
        && things.map_or_else(
            |error| error.kind() == io::ErrorKind::NotFound,
            |things| things.is_file() && owner(&things),
        )
}

/// Whether somebody died between the making of this folder and of its FIFO.
fn is_unfilled(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let unique = name.rsplit('-').next().unwrap_or_default();
    let ours = unique.len() == 12 && unique.bytes().all(|byte| byte.is_ascii_hexdigit());
    let changed = |folder: &Metadata| {
        u64::try_from(folder.ctime()).map(|time| SystemTime::UNIX_EPOCH + Duration::from_secs(time))
    };
    ours && symlink_metadata(folder).is_ok_and(|folder| {
        folder.is_dir()
            && folder.uid() == Uid::effective().as_raw()
            && changed(&folder).is_ok_and(is_old)
    })
}

fn is_old(time: SystemTime) -> bool {
    time.elapsed().is_ok_and(|age| age >= AGE)
}
