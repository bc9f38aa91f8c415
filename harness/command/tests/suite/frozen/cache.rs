//! Tests that this version uses a cache of Postgres data directories that an earlier version created.
//! An entry of the cache is a folder with a data directory and the file `complete.json`, which
//! describes the entry. In `fixtures/format-1/cache`, the data directories lack most of their files.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::Value as Json;

use super::{fixture, fixtures};
use crate::folder::{copy, names};
use crate::run::{Output, Spanproof};

/// The key of the entry whose data directory has applied migrations.
const WITH_MIGRATIONS: &str = "0123456789abcdef";
/// The key of the entry whose data directory has no migrations.
const EMPTY: &str = "fedcba9876543210";
/// A file that caches the output of `postgres --version`. It is not an entry and must stay.
const VERSION_FILE: &str = "memo-00112233445566aa";

/// A value for `XDG_CACHE_HOME`: a folder with a copy of `fixtures/format-1/cache`.
#[derive(Debug)]
struct Caches(tempfile::TempDir);

impl Caches {
    fn new() -> Self {
        let caches = Self(tempfile::tempdir().unwrap());
        copy(&fixtures().join("cache"), &caches.folder());
        caches
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("spanproof/postgres")
    }

    /// Runs the command with this cache. The server must run from binaries on this machine, because
    /// only the data directories of such servers are cached.
    fn run(&self, args: &[&str]) -> Output {
        let command = Spanproof::new(self.0.path(), args).env("XDG_CACHE_HOME", self.0.path());
        let output = command.env("SPANPROOF_POSTGRES", "binaries").output();
        assert_eq!(output.code, 0, "{output:?}");
        output
    }

    /// Returns the path of the entry that this version added.
    fn new_entry(&self) -> PathBuf {
        let old = [WITH_MIGRATIONS, EMPTY];
        let mut all = names(&self.folder());
        all.retain(|name| !old.contains(&&**name) && is_entry(&self.folder().join(name)));
        assert_eq!(all.len(), 1, "{all:?}");
        self.folder().join(&all[0])
    }
}

/// Returns whether a folder is an entry of the cache, even if its data directory lacks files.
fn is_entry(folder: &Path) -> bool {
    folder.join("complete.json").is_file()
}

/// Returns the label and the size in MB of an entry of the fixture.
fn label_and_size(key: &str) -> (String, u64) {
    let text = fixture(&format!("cache/{key}/complete.json"));
    let entry: Json = serde_json::from_str(&text).unwrap();
    (entry["label"].as_str().unwrap().to_owned(), entry["bytes"].as_u64().unwrap() / (1024 * 1024))
}

#[test]
fn doctor_lists_old_entries_and_adds_a_new_entry() {
    let caches = Caches::new();
    let output = caches.run(&["doctor"]);
    assert!(output.stdout.contains("would be used; a new database was ready after "), "{output:?}");
    for key in [WITH_MIGRATIONS, EMPTY] {
        let (label, size) = label_and_size(key);
        let line = format!(" {key} {label}, {size} MB, used ");
        assert!(output.stdout.contains(&line), "expected {line}\nfound {output:?}");
        assert!(is_entry(&caches.folder().join(key)), "the entry {key} was removed");
    }
    assert!(caches.new_entry().join("data/global/pg_control").is_file());
}

#[test]
fn an_incomplete_data_directory_is_created_again() {
    let caches = Caches::new();
    caches.run(&["doctor"]);
    let entry = caches.new_entry();
    std::fs::remove_dir_all(&entry).unwrap();
    copy(&fixtures().join("cache").join(EMPTY), &entry);
    assert!(!entry.join("data/global").exists());
    let output = caches.run(&["doctor"]);
    assert!(output.stdout.contains("would be used; a new database was ready after "), "{output:?}");
    let control_file = entry.join("data/global/pg_control");
    assert!(control_file.is_file(), "the data directory is still incomplete: {output:?}");
}

#[test]
fn clean_removes_only_the_entry_whose_key_is_given() {
    let caches = Caches::new();
    let plan = caches.run(&["clean", "--cache", "--dry-run"]).stdout;
    for key in [WITH_MIGRATIONS, EMPTY] {
        let line = format!("would remove cached {key} ({})\n", label_and_size(key).0);
        assert!(plan.contains(&line), "expected {line}\nfound {plan}");
    }
    let removed = caches.run(&["clean", "--cache", EMPTY]).stdout;
    assert_eq!(removed, format!("removed cached {EMPTY} ({})\n", label_and_size(EMPTY).0));
    assert_eq!(names(&caches.folder()), [WITH_MIGRATIONS, VERSION_FILE]);
}

/// The cache keeps eight entries. With nine old entries and a new one, two must be removed.
#[test]
fn a_new_entry_replaces_the_least_recently_used_entries() {
    let caches = Caches::new();
    let set_last_use = |key: &str, ago: u64| {
        let file = std::fs::File::options()
            .append(true)
            .open(caches.folder().join(key).join("complete.json"))
            .unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(ago)).unwrap();
    };
    for number in 1..=7 {
        let key = format!("00000000000000{number:02}");
        copy(&fixtures().join("cache").join(EMPTY), &caches.folder().join(&key));
        set_last_use(&key, number);
    }
    set_last_use(WITH_MIGRATIONS, 2000);
    set_last_use(EMPTY, 1000);
    caches.run(&["doctor"]);
    let mut left = names(&caches.folder());
    left.retain(|name| is_entry(&caches.folder().join(name)));
    assert_eq!(left.len(), 8, "{left:?}");
    assert!(!left.iter().any(|name| [WITH_MIGRATIONS, EMPTY].contains(&&**name)), "{left:?}");
    assert!(!caches.folder().join(EMPTY).exists(), "files of a removed entry are left");
    assert!(caches.folder().join(VERSION_FILE).is_file());
}
