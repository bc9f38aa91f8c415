//! Copying a data directory, on several threads and with the owner that the server needs.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// User and group that own the copy; `None` leaves it to us.
pub(super) type Owner = Option<(u32, u32)>;

/// Threads that copy at once; more than this gain nothing on a memory file system.
const THREADS: usize = 4;

/// The files of a data directory, relative to it, folders before what is in them.
#[derive(Debug, Default, Clone)]
pub(super) struct Listing {
    pub(super) folders: Vec<PathBuf>,
    pub(super) files: Vec<PathBuf>,
}

impl Listing {
    pub(super) fn of(root: &Path) -> io::Result<Self> {
        let mut listing = Self::default();
        let mut open = vec![PathBuf::new()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(root.join(&folder))? {
                let entry = entry?;
                let path = folder.join(entry.file_name());
                if entry.file_type()?.is_dir() {
                    open.push(path);
                } else {
                    listing.files.push(path);
                }
            }
            listing.folders.push(folder);
        }
        Ok(listing)
    }

    /// What `first` names, and the rest.
    pub(super) fn split(self, first: impl Fn(&Path) -> bool) -> (Self, Self) {
        let (now, later) = self.files.into_iter().partition(|path| first(path));
        // All folders at once: a server looks into them when it starts.
        (Self { folders: self.folders, files: now }, Self { folders: Vec::new(), files: later })
    }

    /// The bytes of all files, as the file system tells.
    pub(super) fn bytes(&self, root: &Path) -> io::Result<u64> {
        self.files.iter().map(|path| Ok(root.join(path).metadata()?.len())).sum()
    }

    /// Copies what is listed below `from` to below `to`, on several threads.
    pub(super) fn copy(&self, from: &Path, to: &Path, owner: Owner) -> io::Result<()> {
        for folder in &self.folders {
            let path = to.join(folder);
            std::fs::DirBuilder::new().mode(0o700).recursive(true).create(&path)?;
            if let Some((user, group)) = owner {
                std::os::unix::fs::chown(&path, Some(user), Some(group))?;
            }
        }
        let next = AtomicUsize::new(0);
        let work = || -> io::Result<()> {
            while let Some(path) = self.files.get(next.fetch_add(1, Ordering::Relaxed)) {
                file(&from.join(path), &to.join(path), owner)?;
            }
            Ok(())
        };
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads.min(THREADS)).map(|_| scope.spawn(work)).collect();
            let mut ended = work();
            for other in others {
                let other =
                    other.join().unwrap_or_else(|_| Err(io::Error::other("a copier panicked")));
                ended = ended.and(other);
            }
            ended
        })
    }
}

/// The room on the file system of `place`; `0` if it can't be asked.
pub(super) fn free_bytes(place: &Path) -> u64 {
    nix::sys::statvfs::statvfs(place)
        .map_or(0, |stat| stat.blocks_available() * stat.fragment_size())
}

/// Copy-on-write where the file system can: `io::copy` asks the kernel to copy.
fn file(from: &Path, to: &Path, owner: Owner) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut source, &mut target)?;
    if let Some((user, group)) = owner {
        fchown(&target, Some(user), Some(group))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_copied_in_two_parts_with_every_byte() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::create_dir_all(from.path().join("base/1/empty")).unwrap();
        for (name, text) in [("PG_VERSION", "15"), ("base/1/a", "first"), ("base/1/b", "second")] {
            std::fs::write(from.path().join(name), text).unwrap();
        }
        let to = to.path().join("new");
        let (now, later) =
            Listing::of(from.path()).unwrap().split(|path| !path.ends_with("base/1/b"));
        assert_eq!(now.bytes(from.path()).unwrap(), 7);
        now.copy(from.path(), &to, None).unwrap();
        assert!(!to.join("base/1/b").exists());
        later.copy(from.path(), &to, None).unwrap();
        assert!(to.join("base/1/empty").is_dir());
        assert_eq!(std::fs::read_to_string(to.join("base/1/b")).unwrap(), "second");
    }

    #[test]
    fn what_can_not_be_copied_is_an_error_and_never_half_a_tree() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(from.path().join("a"), "a").unwrap();
        let listing = Listing::of(from.path()).unwrap();
        std::fs::remove_file(from.path().join("a")).unwrap();
        let error = listing.copy(from.path(), &to.path().join("new"), None).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
