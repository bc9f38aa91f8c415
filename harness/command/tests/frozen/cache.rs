//! The cache of data directories. The entries of the fixture are stubs: a mark, and of the data only
//! its first files.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::Value as Json;

use crate::{Printed, copy, fixture, fixtures, names, spanproof};

const WITH_MIGRATIONS: &str = "0123456789abcdef";
const EMPTY: &str = "fedcba9876543210";
const MEMO: &str = "memo-00112233445566aa";

/// A folder for caches that has the fixture in it.
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

    /// Runs the command with this cache and servers from binaries, which alone are cached.
    fn run(&self, args: &[&str]) -> Printed {
        let mut command = spanproof(self.0.path(), args);
        command.env("XDG_CACHE_HOME", self.0.path()).env("SPANPROOF_POSTGRES", "binaries");
        let printed: Printed = command.output().unwrap().into();
        assert_eq!(printed.code, 0, "{printed:?}");
        printed
    }

    /// The entry that this version makes on this machine.
    fn own(&self) -> PathBuf {
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

/// The label of an entry of the fixture and its size in MB.
fn mark(key: &str) -> (String, u64) {
    let mark: Json = serde_json::from_str(&fixture(&format!("cache/{key}/complete.json"))).unwrap();
    (mark["label"].as_str().unwrap().to_owned(), mark["bytes"].as_u64().unwrap() / (1024 * 1024))
}

#[test]
fn entries_are_listed_beside_a_server_that_starts() {
    let caches = Caches::new();
    let printed = caches.run(&["doctor"]);
    assert!(printed.out.contains("is used; a database in "), "{printed:?}");
    for key in [WITH_MIGRATIONS, EMPTY] {
        let (label, size) = mark(key);
        let line = format!(" {key} {label}, {size} MB, used ");
        assert!(printed.out.contains(&line), "expected {line}\nfound {printed:?}");
        assert!(is_complete(&caches.folder().join(key)), "{key} is no entry any more");
    }
    assert!(caches.own().join("data/global/pg_control").is_file());
}

#[test]
fn a_stub_is_never_taken_for_a_data_directory() {
    let caches = Caches::new();
    caches.run(&["doctor"]);
    let own = caches.own();
    std::fs::remove_dir_all(&own).unwrap();
    copy(&fixtures().join("cache").join(EMPTY), &own);
    assert!(!own.join("data/global").exists());
    let printed = caches.run(&["doctor"]);
    assert!(printed.out.contains("is used; a database in "), "{printed:?}");
    assert!(own.join("data/global/pg_control").is_file(), "it was not made anew: {printed:?}");
}

#[test]
fn an_entry_is_removed_by_its_name() {
    let caches = Caches::new();
    let would = caches.run(&["clean", "--cache", "--dry-run"]).out;
    for key in [WITH_MIGRATIONS, EMPTY] {
        let line = format!("would remove cached {key} ({})\n", mark(key).0);
        assert!(would.contains(&line), "expected {line}\nfound {would}");
    }
    let removed = caches.run(&["clean", "--cache", EMPTY]).out;
    assert_eq!(removed, format!("removed cached {EMPTY} ({})\n", mark(EMPTY).0));
    assert_eq!(names(&caches.folder()), [WITH_MIGRATIONS, MEMO]);
}

/// Eight entries stay; the one that was used least recently goes first.
#[test]
fn old_entries_are_evicted_when_another_one_is_stored() {
    let caches = Caches::new();
    let used = |key: &str, ago: u64| {
        let mark = std::fs::File::options()
            .append(true)
            .open(caches.folder().join(key).join("complete.json"))
            .unwrap();
        mark.set_modified(SystemTime::now() - Duration::from_secs(ago)).unwrap();
    };
    for number in 1..=7 {
        let key = format!("00000000000000{number:02}");
        copy(&fixtures().join("cache").join(EMPTY), &caches.folder().join(&key));
        used(&key, number);
    }
    used(WITH_MIGRATIONS, 2000);
    used(EMPTY, 1000);
    caches.run(&["doctor"]);
    let mut left = names(&caches.folder());
    left.retain(|name| is_complete(&caches.folder().join(name)));
    assert_eq!(left.len(), 8, "{left:?}");
    assert!(!left.iter().any(|name| [WITH_MIGRATIONS, EMPTY].contains(&&**name)), "{left:?}");
    assert!(!caches.folder().join(EMPTY).exists(), "something of an evicted entry is left");
    assert!(caches.folder().join(MEMO).is_file());
}
