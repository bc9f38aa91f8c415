//! A cache of data directories of Postgres servers. A server that starts on a copy of a cached
//! directory needs no `initdb` and no migrations.
//!
//! The name of an entry is a hash of what it was created from and of the boot id, so an entry is not used
//! after a restart of the machine. Until then, written bytes can be read without a flush to disk, so
//! nothing is flushed. An entry appears by one rename, together with its completion mark: a folder
//! without this file is not an entry. A process that reads an entry holds a shared lock; a process that
//! removes an entry needs an exclusive lock.
//!
//! The cache also stores short strings, such as the output of `postgres --version`, so that no
//! program has to run for them.

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

/// Version of the entries' format. It changes when existing entries can no longer be used.
const FORMAT: u32 = 3;
/// Maximum number of entries. If there are more, the least recently used entries are removed.
const MAX_ENTRIES: usize = 8;
/// Maximum number of bytes of all entries. A directory with ten migrations has about 20 MB.
const MAX_BYTES: u64 = 512 * 1024 * 1024;
/// File name of the completion mark.
const COMPLETION_MARK: &str = "complete.json";

/// A cache of data directories for servers that are started later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    folder: PathBuf,
}

/// The contents of a completion mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct CompletionMark {
    /// What the data directory contains, for the user.
    label: String,
    /// The size of a full copy in bytes.
    bytes: u64,
    /// Folders of the template databases. A server reads them only when it creates a database, so it can
    /// start before they are copied.
    templates: Vec<PathBuf>,
}

/// One entry of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheEntry {
    /// The name of the entry: a hash of what it was created from.
    pub key: String,
    /// What the entry contains: the version of Postgres, and the migrations if there are any.
    pub label: String,
    /// The size of a copy in bytes.
    pub bytes: u64,
    /// When the entry was last used.
    pub last_used: SystemTime,
}

/// An entry that is being read. It can't be removed until this value is dropped.
#[derive(Debug)]
pub(super) struct Entry {
    data: PathBuf,
    mark: CompletionMark,
    _lock: Flock<File>,
}

/// Returns the name of an entry: a hash of `ingredients`, of [`FORMAT`] and of the boot id.
pub(super) fn key(ingredients: &[&str]) -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let mut hash = Sha256::new();
    for part in ingredients.iter().copied().chain([FORMAT.to_string().as_str(), boot.trim()]) {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    format!("{:x}", hash.finalize())[..16].to_owned()
}

/// Reads the completion mark of an entry; `None` if it is missing or damaged.
fn read_mark(entry: &Path) -> Option<CompletionMark> {
    serde_json::from_reader(File::open(entry.join(COMPLETION_MARK)).ok()?).ok()
}

impl Cache {
    /// Returns the user's cache, `PREFIX/postgres` below `$XDG_CACHE_HOME` or `~/.cache`; `None` if
    /// neither `XDG_CACHE_HOME` nor `HOME` is an absolute path.
    pub fn for_user(prefix: &Prefix) -> Option<Self> {
        let caches = environment::cache_home().or_else(environment::home_cache)?;
        Some(Self { folder: caches.join(prefix.as_str()).join("postgres") })
    }

    /// Returns the cache in `folder`, which need not exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Returns the folder of the cache.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the entry with this name; `None` if it is missing, incomplete or being removed.
    pub(super) fn get(&self, key: &str) -> Option<Entry> {
        let folder = self.folder.join(key);
        let file = File::open(folder.join(COMPLETION_MARK)).ok()?;
        let mut lock = Flock::lock(file, FlockArg::LockSharedNonblock).ok()?;
        let mut text = String::new();
        lock.read_to_string(&mut text).ok()?;
        let mark = serde_json::from_str(&text).ok()?;
        // If this fails, the entry counts as used less recently, and is removed earlier.
        let _touched = File::options()
            .append(true)
            .open(folder.join(COMPLETION_MARK))
            .and_then(|file| file.set_modified(SystemTime::now()));
        Some(Entry { data: folder.join("data"), mark, _lock: lock })
    }

    /// Creates an entry, which is invisible until it is stored.
    pub(super) fn new_entry(&self, key: &str) -> io::Result<NewEntry> {
        std::fs::DirBuilder::new().mode(0o700).recursive(true).create(&self.folder)?;
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let folder = self.folder.join(format!("making-{unique}"));
        let guard = spanproof_lease::guard(Resource::Folder(folder.clone()))?;
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(NewEntry { cache: self.clone(), key: key.to_owned(), folder, _guard: guard })
    }

    /// Renames a new entry to `key`, unless a complete entry already has this name.
    fn publish(&self, new: &Path, key: &str) -> io::Result<()> {
        let entry = self.folder.join(key);
        match std::fs::rename(new, &entry) {
            Err(_) if read_mark(&entry).is_some() => Ok(()),
            Err(_) if entry.exists() => {
                // The removal of the entry was interrupted, or its completion mark is damaged.
                std::fs::remove_dir_all(&entry)?;
                std::fs::rename(new, &entry)
            }
            result => result,
        }
    }

    /// Returns all entries, the most recently used first.
    pub fn entries(&self) -> Vec<CacheEntry> {
        let folders = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut entries: Vec<_> = folders
            .filter_map(|entry| {
                let CompletionMark { label, bytes, .. } = read_mark(&entry.path())?;
                let mark = std::fs::metadata(entry.path().join(COMPLETION_MARK)).ok()?;
                let last_used = mark.modified().ok()?;
                let key = entry.file_name().into_string().ok()?;
                Some(CacheEntry { key, label, bytes, last_used })
            })
            .collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.last_used));
        entries
    }

    /// Removes an entry and returns `true`. Returns `false` and removes nothing if a process is
    /// reading the entry.
    ///
    /// # Errors
    /// If there is no entry with this name, or it can't be removed.
    pub fn remove(&self, key: &str) -> io::Result<bool> {
        let folder = self.folder.join(key);
        let mark = folder.join(COMPLETION_MARK);
        let Ok(_lock) = Flock::lock(File::open(&mark)?, FlockArg::LockExclusiveNonblock) else {
            return Ok(false);
        };
        // The mark is removed first: a folder without a mark is not an entry.
        std::fs::remove_file(mark)?;
        std::fs::remove_dir_all(folder)?;
        Ok(true)
    }

    /// Removes the least recently used entries if all together are too many or too large.
    fn remove_oldest(&self) {
        let mut bytes = 0;
        for (number, entry) in self.entries().into_iter().enumerate() {
            bytes += entry.bytes;
            if number >= MAX_ENTRIES || bytes > MAX_BYTES {
                let _removed = self.remove(&entry.key);
            }
        }
    }

    /// Returns the string that was stored with this key; `None` if there is none.
    pub(super) fn read_text(&self, key: &str) -> Option<String> {
        std::fs::read_to_string(self.text_path(key)).ok()
    }

    /// Stores a short string for later processes. If this fails, the next process determines the string
    /// again.
    pub(super) fn write_text(&self, key: &str, text: &str) {
        // The file appears by a rename, so that no process reads a partial file.
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let new = self.folder.join(format!("making-{unique}"));
        let _written = std::fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&self.folder)
            .and_then(|()| std::fs::write(&new, text))
            .and_then(|()| std::fs::rename(&new, self.text_path(key)));
    }

    fn text_path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("memo-{key}"))
    }
}

/// The contents of a data directory to be stored.
#[derive(Debug)]
pub(super) struct Contents {
    /// What the data directory contains, for the user.
    pub(super) label: String,
    /// Its folders, each before its contents.
    pub(super) folders: Vec<PathBuf>,
    /// Its files, each with the path to copy it from.
    pub(super) files: Vec<(PathBuf, PathBuf)>,
    /// Folders of the template databases, which are only cloned.
    pub(super) templates: Vec<PathBuf>,
}

/// An entry that is not stored yet. If two processes create the same entry, both have the same
/// contents, and either may be stored.
#[derive(Debug)]
pub(super) struct NewEntry {
    cache: Cache,
    key: String,
    folder: PathBuf,
    /// Removes the folder if this process is killed.
    _guard: Guard,
}

impl NewEntry {
    /// Writes the contents and makes the entry visible.
    pub(super) fn store(self, contents: Contents) -> io::Result<()> {
        let mark = self.write(contents)?;
        std::fs::write(self.folder.join(COMPLETION_MARK), serde_json::to_string(&mark)?)?;
        let published = self.cache.publish(&self.folder, &self.key);
        self.cache.remove_oldest();
        published
    }

    /// Writes the files. Equal files of different databases become hard links.
    fn write(&self, contents: Contents) -> io::Result<CompletionMark> {
        let Contents { label, folders, files, templates } = contents;
        let to = self.folder.join("data");
        for folder in folders {
            std::fs::DirBuilder::new().mode(0o700).recursive(true).create(to.join(folder))?;
        }
        let (mut written, mut bytes) = (HashMap::<OsString, Vec<(PathBuf, Vec<u8>)>>::new(), 0);
        for (path, from) in files {
            let (content, target) = (std::fs::read(from)?, to.join(&path));
            bytes += content.len() as u64;
            let namesakes =
                written.entry(path.file_name().unwrap_or_default().to_owned()).or_default();
            let is_equal = |other: &&(PathBuf, Vec<u8>)| other.1 == content;
            let equal = namesakes.iter().find(|other| path.starts_with("base") && is_equal(other));
            if let Some((equal, _)) = equal {
                std::fs::hard_link(equal, target)?;
            } else {
                std::fs::write(&target, &content)?;
                namesakes.push((target, content));
            }
        }
        Ok(CompletionMark { label, bytes, templates })
    }
}

impl Drop for NewEntry {
    fn drop(&mut self) {
        // If the entry was published, its folder has another name now, and this removes nothing.
        let _removed = std::fs::remove_dir_all(&self.folder);
    }
}

impl Entry {
    /// Copies the files that a server needs to start: all except the databases, which are in the
    /// folder `base`. The returned value copies the databases.
    pub(super) fn copy_without_databases(self, to: &Path, owner: Owner) -> io::Result<PartialCopy> {
        let listing = Listing::read(&self.data)?;
        let (copied, databases) = listing.split(|path| !path.starts_with("base"));
        copied.copy(&self.data, to, owner)?;
        let copied_bytes = copied.bytes(to)?;
        Ok(PartialCopy { entry: self, copied_bytes, files: databases, to: to.to_owned(), owner })
    }
}

/// An incomplete copy of an entry, without some or all of the databases.
#[derive(Debug)]
pub(super) struct PartialCopy {
    entry: Entry,
    /// Size of the files that were copied without the databases, in bytes.
    copied_bytes: u64,
    /// The files that are not copied yet.
    files: Listing,
    to: PathBuf,
    owner: Owner,
}

impl PartialCopy {
    /// Copies the databases except the templates, which are only cloned. The server may start at
    /// the same time.
    ///
    /// # Errors
    /// If they can't be copied, or if the entry is incomplete.
    pub(super) fn copy_databases(mut self) -> io::Result<Self> {
        let (from, expected) = (&self.entry.data, self.entry.mark.bytes);
        let bytes = self.copied_bytes + self.files.bytes(from)?;
        if bytes != expected {
            let what = format!("the cached folder has {bytes} bytes, expected {expected}");
            return Err(io::Error::other(what));
        }
        let templates = &self.entry.mark.templates;
        let is_template = |path: &Path| templates.iter().any(|folder| path.starts_with(folder));
        let (databases, templates) = self.files.split(|path| !is_template(path));
        databases.copy(from, &self.to, self.owner)?;
        self.files = templates;
        Ok(self)
    }

    /// Copies the templates, the databases that are cloned, after the server has started. At its start,
    /// a server removes the file `pg_internal.init` of each database, and without this file the first
    /// login to a clone takes two milliseconds longer. Templates that are copied later keep the file.
    pub(super) fn copy_templates(self) -> io::Result<()> {
        self.files.copy(&self.entry.data, &self.to, self.owner)
    }
}
