//! A cache of data directories, for the next run.
//!
//! An entry is named by what made it, the boot of this machine included: within one boot the
//! page cache vouches for every byte, so nothing has to be flushed to a disk. It appears under its
//! name by one rename, with its completion mark in it, and is read under a shared lock that whoever
//! wants to evict it must have alone.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::copy::{Listing, Owner};
use super::{Prefix, environment};
use spanproof_lease::{Guard, Resource};

/// Version of the format: a new one whenever directories of older versions will not do.
const FORMAT: u32 = 2;
/// Most entries; beyond them the least recently used is evicted.
const ENTRIES: usize = 8;
/// Most bytes of all entries; a directory with ten migrations has about 20 MB.
const BYTES: u64 = 512 * 1024 * 1024;
/// The completion mark.
const MARK: &str = "complete.json";

/// A cache of data directories, for the servers that are started later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    folder: PathBuf,
}

/// The contents of a completion mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    /// What it is, in words.
    label: String,
    /// The bytes of a full copy.
    bytes: u64,
    /// Folders of databases that are cloned only: a server can do without them until then.
    templates: Vec<PathBuf>,
}

/// One entry of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheEntry {
    /// Its name: a hash of what made it.
    pub key: String,
    /// What it is, in words.
    pub label: String,
    /// The bytes that a copy of it takes.
    pub bytes: u64,
    /// When it was used last.
    pub used: SystemTime,
}

/// An entry that is being read; it can't be evicted while this lives.
#[derive(Debug)]
pub(super) struct Entry {
    data: PathBuf,
    mark: Mark,
    _lock: Flock<File>,
}

/// The name of an entry: a hash of its ingredients, of our format and of this boot.
pub(super) fn key(ingredients: &[&str]) -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let mut hash = Sha256::new();
    for part in ingredients.iter().copied().chain([FORMAT.to_string().as_str(), boot.trim()]) {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    format!("{:x}", hash.finalize())[..16].to_owned()
}

/// The completion mark of an entry; `None` if it has none that can be read.
fn mark(entry: &Path) -> Option<Mark> {
    serde_json::from_reader(File::open(entry.join(MARK)).ok()?).ok()
}

impl Cache {
    /// The user's cache, `PREFIX/postgres` below `$XDG_CACHE_HOME` or `~/.cache`; `None` if neither
    /// variable names a folder.
    pub fn of_user(prefix: &Prefix) -> Option<Self> {
        let caches = environment::cache_home().or_else(environment::home_cache)?;
        Some(Self { folder: caches.join(prefix.as_str()).join("postgres") })
    }

    /// The cache in a given folder.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The entry of that name, if it is there and complete.
    pub(super) fn get(&self, key: &str) -> Option<Entry> {
        let folder = self.folder.join(key);
        let file = File::open(folder.join(MARK)).ok()?;
        let mut lock = Flock::lock(file, FlockArg::LockSharedNonblock).ok()?;
        let mut text = String::new();
        lock.read_to_string(&mut text).ok()?;
        let mark = serde_json::from_str(&text).ok()?;
        // Only the order of eviction depends on it.
        let _noted = File::options()
            .append(true)
            .open(folder.join(MARK))
            .and_then(|file| file.set_modified(SystemTime::now()));
        Some(Entry { data: folder.join("data"), mark, _lock: lock })
    }

    /// Begins to store something; nobody sees it before it is complete.
    pub(super) fn making(&self, key: &str) -> io::Result<Making> {
        std::fs::DirBuilder::new().mode(0o700).recursive(true).create(&self.folder)?;
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let folder = self.folder.join(format!("making-{unique}"));
        let guard = spanproof_lease::guard(Resource::Folder(folder.clone()))?;
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Making { cache: self.clone(), key: key.to_owned(), folder, _guard: guard })
    }

    fn publish(&self, making: &Path, key: &str) -> io::Result<()> {
        let entry = self.folder.join(key);
        match std::fs::rename(making, &entry) {
            Err(_) if mark(&entry).is_some() => Ok(()),
            Err(_) if entry.exists() => {
                // Its removal was cut off, or its mark can't be read.
                std::fs::remove_dir_all(&entry)?;
                std::fs::rename(making, &entry)
            }
            done => done,
        }
    }

    /// Every entry, the most recently used first.
    pub fn entries(&self) -> Vec<CacheEntry> {
        let folders = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut entries: Vec<_> = folders
            .filter_map(|entry| {
                let mark = mark(&entry.path())?;
                let used = std::fs::metadata(entry.path().join(MARK)).ok()?.modified().ok()?;
                let key = entry.file_name().into_string().ok()?;
                Some(CacheEntry { key, label: mark.label, bytes: mark.bytes, used })
            })
            .collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.used));
        entries
    }

    /// Removes an entry; `false` if somebody is reading it, so that it stays.
    ///
    /// # Errors
    /// When there is none of that name, or it can't be removed.
    pub fn remove(&self, key: &str) -> io::Result<bool> {
        let folder = self.folder.join(key);
        let Ok(_lock) =
            Flock::lock(File::open(folder.join(MARK))?, FlockArg::LockExclusiveNonblock)
        else {
            return Ok(false);
        };
        // The mark goes first: what is half removed is no entry.
        std::fs::remove_file(folder.join(MARK))?;
        std::fs::remove_dir_all(folder)?;
        Ok(true)
    }

    fn evict(&self) {
        let mut bytes = 0;
        for (number, entry) in self.entries().into_iter().enumerate() {
            bytes += entry.bytes;
            if number >= ENTRIES || bytes > BYTES {
                let _next_time = self.remove(&entry.key);
            }
        }
    }

    /// A short text that was noted under this name.
    pub(super) fn recall(&self, key: &str) -> Option<String> {
        std::fs::read_to_string(self.memo(key)).ok()
    }

    /// Notes a short text that is dear to find out. That it can't be noted costs the next run a
    /// little time, and nothing else.
    pub(super) fn note(&self, key: &str, text: &str) {
        // Whole, or not at all.
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let new = self.folder.join(format!("making-{unique}"));
        let _noted = std::fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&self.folder)
            .and_then(|()| std::fs::write(&new, text))
            .and_then(|()| std::fs::rename(&new, self.memo(key)));
    }

    fn memo(&self, key: &str) -> PathBuf {
        self.folder.join(format!("memo-{key}"))
    }
}

/// What a data directory is made of.
#[derive(Debug)]
pub(super) struct Contents {
    /// What it is, in words.
    pub(super) label: String,
    /// Its folders, each before what is in it.
    pub(super) folders: Vec<PathBuf>,
    /// Its files, and from where each is to be copied.
    pub(super) files: Vec<(PathBuf, PathBuf)>,
    /// Folders of databases that are cloned only.
    pub(super) templates: Vec<PathBuf>,
}

/// A data directory on its way into the cache. Whoever stores the same at the same time stores
/// the same.
#[derive(Debug)]
pub(super) struct Making {
    cache: Cache,
    key: String,
    folder: PathBuf,
    _guard: Guard,
}

impl Making {
    /// Writes it, and puts it under its name.
    pub(super) fn store(self, contents: Contents) -> io::Result<()> {
        let mark = self.write(contents)?;
        std::fs::write(self.folder.join(MARK), serde_json::to_string(&mark)?)?;
        let stored = self.cache.publish(&self.folder, &self.key);
        self.cache.evict();
        stored
    }

    /// Files of databases that are the same share their place on the disk.
    fn write(&self, contents: Contents) -> io::Result<Mark> {
        let Contents { label, folders, files, templates } = contents;
        let to = self.folder.join("data");
        for folder in folders {
            std::fs::DirBuilder::new().mode(0o700).recursive(true).create(to.join(folder))?;
        }
        let (mut stored, mut bytes) = (HashMap::<OsString, Vec<(PathBuf, Vec<u8>)>>::new(), 0);
        for (path, from) in files {
            let (content, target) = (std::fs::read(from)?, to.join(&path));
            bytes += content.len() as u64;
            let twins = stored.entry(path.file_name().unwrap_or_default().to_owned()).or_default();
            let twin = twins.iter().find(|(_, twin)| path.starts_with("base") && *twin == content);
            if let Some((twin, _)) = twin {
                std::fs::hard_link(twin, target)?;
            } else {
                std::fs::write(&target, &content)?;
                twins.push((target, content));
            }
        }
        Ok(Mark { label, bytes, templates })
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        // It has another name when it was published.
        let _left = std::fs::remove_dir_all(&self.folder);
    }
}

impl Entry {
    /// Copies what a server needs to start, and gives the rest.
    pub(super) fn begin(self, to: &Path, owner: Owner) -> io::Result<Rest> {
        let listing = Listing::of(&self.data)?;
        let (now, databases) = listing.split(|path| !path.starts_with("base"));
        now.copy(&self.data, to, owner)?;
        let of_now = now.bytes(to)?;
        Ok(Rest { entry: self, of_now, databases, to: to.to_owned(), owner })
    }
}

/// The databases of a copy.
#[derive(Debug)]
pub(super) struct Rest {
    entry: Entry,
    of_now: u64,
    databases: Listing,
    to: PathBuf,
    owner: Owner,
}

impl Rest {
    /// Copies those that are used themselves, while the server starts.
    ///
    /// # Errors
    /// When they can't be, or when the entry is not whole.
    pub(super) fn soon(mut self) -> io::Result<Self> {
        let (from, wanted) = (&self.entry.data, self.entry.mark.bytes);
        let bytes = self.of_now + self.databases.bytes(from)?;
        if bytes != wanted {
            let what = format!("it has {bytes} bytes, and its mark says {wanted}");
            return Err(io::Error::other(what));
        }
        let mark = &self.entry.mark;
        let is_later = |path: &Path| mark.templates.iter().any(|folder| path.starts_with(folder));
        let (soon, later) = self.databases.split(|path| !is_later(path));
        soon.copy(from, &self.to, self.owner)?;
        self.databases = later;
        Ok(self)
    }

    /// Copies those that are cloned, when the server runs: its start removes what a database
    /// knows of its catalogs, which spares each clone two milliseconds at its first login.
    pub(super) fn end(self) -> io::Result<()> {
        self.databases.copy(&self.entry.data, &self.to, self.owner)
    }
}
