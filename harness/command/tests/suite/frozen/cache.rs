//! The cache of data directories. The entries of the fixture are stubs: a mark and the first files
//! of the data.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::Value as Json;

use super::{fixture, fixtures};
use crate::folder::{copy, names};
use crate::run::{Output, Spanproof};

const WITH_MIGRATIONS: &str = "0123456789abcdef";
const EMPTY: &str = "fedcba9876543210";
const MEMO: &str = "memo-00112233445566aa";

/// A folder of caches that starts with the entries of the fixture.
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

    /// Runs the command with this cache and with servers from binaries: no others are cached.
    fn run(&self, args: &[&str]) -> Output {
        let command = Spanproof::new(self.0.path(), args).env("XDG_CACHE_HOME", self.0.path());
        let output = command.env("SPANPROOF_POSTGRES", "binaries").output();
        assert_eq!(output.code, 0, "{output:?}");
        output
    }

    /// Returns the entry that this version created on this machine.
    fn new_entry(&self) -> PathBuf {
        let old = [WITH_MIGRATIONS, EMPTY];
        let mut all = names(&self.folder());
        all.retain(|name| !old.contains(&&**name) && is_complete(&self.folder().join(name)));
        assert_eq!(all.len(), 1, "{all:?}");
        self.folder().join(&all[0])
    }
}

fn is_complete(entry: &Path) -> bool {
    entry.join("complete.json").is_file()
}

/// Returns the label of an entry of the fixture and its size in MB.
fn mark(key: &str) -> (String, u64) {
    let mark: Json = serde_json::from_str(&fixture(&format!("cache/{key}/complete.json"))).unwrap();
    (mark["label"].as_str().unwrap().to_owned(), mark["bytes"].as_u64().unwrap() / (1024 * 1024))
}

#[test]
fn old_entries_are_listed_and_a_new_one_is_created() {
    let caches = Caches::new();
    let output = caches.run(&["doctor"]);
    assert!(output.stdout.contains("would be used; a database in "), "{output:?}");
    for key in [WITH_MIGRATIONS, EMPTY] {
        let (label, size) = mark(key);
        let line = format!(" {key} {label}, {size} MB, used ");
        assert!(output.stdout.contains(&line), "expected {line}\nfound {output:?}");
        assert!(is_complete(&caches.folder().join(key)), "the entry {key} is gone");
    }
    assert!(caches.new_entry().join("data/global/pg_control").is_file());
}

#[test]
fn an_incomplete_data_directory_is_never_used() {
    let caches = Caches::new();
    caches.run(&["doctor"]);
    let entry = caches.new_entry();
    std::fs::remove_dir_all(&entry).unwrap();
    copy(&fixtures().join("cache").join(EMPTY), &entry);
    assert!(!entry.join("data/global").exists());
    let output = caches.run(&["doctor"]);
    assert!(output.stdout.contains("would be used; a database in "), "{output:?}");
    assert!(entry.join("data/global/pg_control").is_file(), "it was not created again: {output:?}");
}

#[test]
fn an_entry_is_removed_by_its_name() {
    let caches = Caches::new();
    let plan = caches.run(&["clean", "--cache", "--dry-run"]).stdout;
    for key in [WITH_MIGRATIONS, EMPTY] {
        let line = format!("would remove cached {key} ({})\n", mark(key).0);
        assert!(plan.contains(&line), "expected {line}\nfound {plan}");
    }
    let removed = caches.run(&["clean", "--cache", EMPTY]).stdout;
    assert_eq!(removed, format!("removed cached {EMPTY} ({})\n", mark(EMPTY).0));
    assert_eq!(names(&caches.folder()), [WITH_MIGRATIONS, MEMO]);
}

/// Eight entries stay; the least recently used one is removed first.
#[test]
fn storing_an_entry_evicts_the_least_recently_used() {
    let caches = Caches::new();
    let set_last_use = |key: &str, ago: u64| {
        let mark = std::fs::File::options()
            .append(true)
            .open(caches.folder().join(key).join("complete.json"))
            .unwrap();
        mark.set_modified(SystemTime::now() - Duration::from_secs(ago)).unwrap();
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
    left.retain(|name| is_complete(&caches.folder().join(name)));
    assert_eq!(left.len(), 8, "{left:?}");
    assert!(!left.iter().any(|name| [WITH_MIGRATIONS, EMPTY].contains(&&**name)), "{left:?}");
    assert!(!caches.folder().join(EMPTY).exists(), "files of an evicted entry are left");
    assert!(caches.folder().join(MEMO).is_file());
}
