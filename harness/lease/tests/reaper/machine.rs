//! What there is on this machine, looked at from outside.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};

use crate::user::account;

/// How long everything may take to be gone.
const GONE: Duration = Duration::from_secs(5);

/// Leaves the processors to what is being awaited.
#[expect(clippy::disallowed_methods, reason = "a nap between two looks, each with a deadline")]
pub(crate) fn nap() {
    std::thread::sleep(Duration::from_millis(2));
}

pub(crate) fn await_that(what: &str, holds: impl Fn() -> bool) {
    await_none(what, || if holds() { vec![] } else { vec!["not yet".to_owned()] });
}

/// Waits until nothing is left.
pub(crate) fn await_none(what: &str, left: impl Fn() -> Vec<String>) {
    let start = Instant::now();
    while let left = left()
        && !left.is_empty()
    {
        assert!(start.elapsed() < GONE, "{what}: {left:#?}");
        nap();
    }
}

/// Lets `time` pass: the random moment of a kill.
pub(crate) fn await_moment(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        nap();
    }
}

pub(crate) fn processes() -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn stat(id: u32) -> Option<Vec<String>> {
    let stat = std::fs::read(format!("/proc/{id}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat).into_owned();
    Some(stat.rsplit_once(") ")?.1.split(' ').map(str::to_owned).collect())
}

/// A zombie has ended.
pub(crate) fn runs(id: u32) -> bool {
    stat(id).is_some_and(|fields| fields[0] != "Z" && fields[0] != "X")
}

pub(crate) fn started(id: u32) -> u64 {
    stat(id).unwrap()[19].parse().unwrap()
}

pub(crate) fn session(id: u32) -> u32 {
    stat(id).unwrap()[3].parse().unwrap()
}

fn arguments(id: u32) -> Vec<String> {
    let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).split('\0').map(str::to_owned).collect()
}

/// Everybody in the group of `id`, and the daemons of `State::group` whose parent is in it.
pub(crate) fn group(id: u32) -> Vec<u32> {
    let within = |other: &u32| stat(*other).is_some_and(|fields| fields[2] == id.to_string());
    let of_group = |other: &u32| {
        within(other)
            || stat(*other).is_some_and(|fields| fields[1].parse().is_ok_and(|up| within(&up)))
    };
    processes().into_iter().filter(of_group).collect()
}

/// The reapers of the lease on `folder`.
pub(crate) fn reapers(folder: &Path) -> Vec<u32> {
    let name = folder.to_str().unwrap();
    let is_reaper = |id: &u32| {
        let line = arguments(*id);
        // A forked part of it has its command line, but another group.
        line.iter().any(|word| word == "spanproof-reaper")
            && line.iter().any(|word| word == name)
            && stat(*id).is_some_and(|fields| fields[2] == id.to_string())
    };
    processes().into_iter().filter(|id| runs(*id)).filter(is_reaper).collect()
}

/// Who works in `folder` or has its name in the command line.
fn below(folder: &Path) -> Vec<u32> {
    let name = folder.to_str().unwrap();
    let below = |id: &u32| {
        let cwd = std::fs::read_link(format!("/proc/{id}/cwd"));
        cwd.is_ok_and(|cwd| cwd.starts_with(folder))
            || arguments(*id).iter().any(|word| word.contains(name))
    };
    processes().into_iter().filter(|id| runs(*id)).filter(below).collect()
}

/// What is left of a lease on `folder`.
pub(crate) fn left(folder: &Path) -> Vec<String> {
    let mut left: Vec<_> = below(folder)
        .iter()
        .map(|id| format!("process {id} {:?}", arguments(*id).last()))
        .collect();
    if folder.exists() {
        left.push(format!("{} {:?}", folder.display(), std::fs::read_dir(folder)));
    }
    left
}

pub(crate) fn signal(id: u32, signal: Signal) {
    // It may have ended.
    let _sent = kill(Pid::from_raw(i32::try_from(id).unwrap()), signal);
}

/// The shared memory of us and our servers that no process has.
pub(crate) fn memory() -> BTreeSet<String> {
    let mut owners = vec![Uid::effective()];
    owners.extend(account().map(|account| account.uid));
    let is_ours = |id: u32| owners.contains(&Uid::from_raw(id));
    let segments = std::fs::read_to_string("/proc/sysvipc/shm").unwrap();
    let segments = segments.lines().skip(1).filter_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let ours = is_ours(fields[7].parse().unwrap());
        (ours && fields[6] == "0").then(|| format!("segment {} of {}", fields[1], fields[4]))
    });
    let named = std::fs::read_dir("/dev/shm").unwrap().flatten();
    let named = named.filter(|entry| entry.metadata().is_ok_and(|file| is_ours(file.uid())));
    let named = named.filter_map(|entry| entry.path().to_str().map(str::to_owned));
    let named: Vec<_> = named.filter(|name| name.starts_with("/dev/shm/PostgreSQL.")).collect();
    let mapped: String = if named.is_empty() {
        String::new()
    } else {
        let maps = processes().into_iter().map(|id| std::fs::read(format!("/proc/{id}/maps")));
        maps.flatten().map(|map| String::from_utf8_lossy(&map).into_owned()).collect()
    };
    segments.chain(named.into_iter().filter(|name| !mapped.contains(name))).collect()
}

/// The tests that look at memory do so one after the other, also those of another run at the same
/// time: it is the whole machine that they look at.
pub(crate) fn alone() -> Flock<File> {
    let memory = File::open("/dev/shm").unwrap();
    Flock::lock(memory, FlockArg::LockExclusive).unwrap()
}

/// Waits until no memory is without a process but what was so `before`.
pub(crate) fn await_no_memory(before: &BTreeSet<String>) {
    await_none("shared memory", || memory().difference(before).cloned().collect());
}
