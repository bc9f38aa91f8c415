//! Copies a data directory on several threads, with the owner that the server needs.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Ids of the user and the group that own the copy; `None` for the user and group of this process.
pub(super) type Owner = Option<(u32, u32)>;

/// Maximum number of threads that copy. More threads are not faster on a memory file system.
const MAX_THREADS: usize = 4;

/// The files and folders of a data directory, relative to it. A folder precedes its contents.
#[derive(Debug, Default, Clone)]
pub(super) struct Listing {
    pub(super) folders: Vec<PathBuf>,
    pub(super) files: Vec<PathBuf>,
}

impl Listing {
    pub(super) fn read(root: &Path) -> io::Result<Self> {
        let mut listing = Self::default();
        let mut unread = vec![PathBuf::new()];
        while let Some(folder) = unread.pop() {
            for entry in std::fs::read_dir(root.join(&folder))? {
                let entry = entry?;
                let path = folder.join(entry.file_name());
                if entry.file_type()?.is_dir() {
                    unread.push(path);
                } else {
                    listing.files.push(path);
                }
            }
            listing.folders.push(folder);
        }
        Ok(listing)
    }

    /// Splits the files: the first part has those for which `is_first` is true, and all folders,
    /// since a server reads them when it starts.
    pub(super) fn split(self, is_first: impl Fn(&Path) -> bool) -> (Self, Self) {
        let (first, rest) = self.files.into_iter().partition(|path| is_first(path));
        (Self { folders: self.folders, files: first }, Self { folders: Vec::new(), files: rest })
    }

    /// Returns the size of the listed files below `root` in bytes.
    pub(super) fn bytes(&self, root: &Path) -> io::Result<u64> {
        self.files.iter().map(|path| Ok(root.join(path).metadata()?.len())).sum()
    }

    /// Copies the listed files and folders from `from` to `to`, on several threads.
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
                copy_file(&from.join(path), &to.join(path), owner)?;
            }
            Ok(())
        };
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads.min(MAX_THREADS)).map(|_| scope.spawn(work)).collect();
            let mut result = work();
            for other in others {
                let other = other
                    .join()
                    .unwrap_or_else(|_| Err(io::Error::other("a copying thread panicked")));
                result = result.and(other);
            }
            result
        })
    }
}

/// Returns the free bytes of the file system of `folder`; `0` if they can't be read.
pub(super) fn free_bytes(folder: &Path) -> u64 {
    nix::sys::statvfs::statvfs(folder)
        .map_or(0, |stat| stat.blocks_available() * stat.fragment_size())
}

/// Copies one file. `io::copy` leaves this to the kernel, which shares the blocks by copy-on-write
/// if the file system can.
fn copy_file(from: &Path, to: &Path, owner: Owner) -> io::Result<()> {
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
    fn copies_a_tree_in_two_parts() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::create_dir_all(from.path().join("base/1/empty")).unwrap();
        for (name, text) in [("PG_VERSION", "13"), ("base/1/a", "first"), ("base/1/b", "second")] {
            std::fs::write(from.path().join(name), text).unwrap();
        }
        let to = to.path().join("new");
        let (first, rest) =
            Listing::read(from.path()).unwrap().split(|path| !path.ends_with("base/1/b"));
        assert_eq!(first.bytes(from.path()).unwrap(), 7);
        first.copy(from.path(), &to, None).unwrap();
        assert!(!to.join("base/1/b").exists());
        rest.copy(from.path(), &to, None).unwrap();
        assert!(to.join("base/1/empty").is_dir());
        assert_eq!(std::fs::read_to_string(to.join("base/1/b")).unwrap(), "second");
    }

    #[test]
    fn a_missing_file_is_an_error() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(from.path().join("a"), "a").unwrap();
        let listing = Listing::read(from.path()).unwrap();
        std::fs::remove_file(from.path().join("a")).unwrap();
        let error = listing.copy(from.path(), &to.path().join("new"), None).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
