//! Lists the processes and the shared memory of this machine, and waits for their end.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};

use crate::user::account;

/// Longest wait for a condition, such as the removal of a lease.
const WAIT_LIMIT: Duration = Duration::from_secs(5);

/// Pauses between two polls and leaves the processors to the processes under test.
#[expect(clippy::disallowed_methods, reason = "the pause between two polls, before a deadline")]
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(2));
}

/// Waits until `condition` is true, which means that `event` has happened.
pub(crate) fn await_that(event: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < WAIT_LIMIT, "waited {WAIT_LIMIT:?} for {event}");
        pause();
    }
}

/// Waits until `list` returns an empty list, which means that `event` has happened.
pub(crate) fn await_none(event: &str, list: impl Fn() -> Vec<String>) {
    let start = Instant::now();
    while let left = list()
        && !left.is_empty()
    {
        assert!(start.elapsed() < WAIT_LIMIT, "waited {WAIT_LIMIT:?} for {event}; left: {left:#?}");
        pause();
    }
}

/// Waits for `time`, the random time after which a test kills a process.
pub(crate) fn await_moment(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        pause();
    }
}

pub(crate) fn processes() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Returns the fields of `/proc/PID/stat` after the process name: state, parent, process group,
/// session, and so on.
fn stat(id: u32) -> Option<Vec<String>> {
    let stat = std::fs::read(format!("/proc/{id}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat).into_owned();
    Some(stat.rsplit_once(") ")?.1.split(' ').map(str::to_owned).collect())
}

/// Returns whether a process runs; a zombie does not.
pub(crate) fn runs(id: u32) -> bool {
    stat(id).is_some_and(|fields| fields[0] != "Z" && fields[0] != "X")
}

pub(crate) fn start_time(id: u32) -> u64 {
    stat(id).unwrap()[19].parse().unwrap()
}

pub(crate) fn session(id: u32) -> u32 {
    stat(id).unwrap()[3].parse().unwrap()
}

fn arguments(id: u32) -> Vec<String> {
    let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).split('\0').map(str::to_owned).collect()
}

/// Returns the members of process group `id`, and the processes whose parent is a member.
pub(crate) fn group_with_children(id: u32) -> Vec<u32> {
    let is_member = |other: &u32| stat(*other).is_some_and(|fields| fields[2] == id.to_string());
    let is_related = |other: &u32| {
        is_member(other)
            || stat(*other)
                .is_some_and(|fields| fields[1].parse().is_ok_and(|parent| is_member(&parent)))
    };
    processes().into_iter().filter(is_related).collect()
}

/// Returns the reapers of the lease on `folder`: shell processes that remove the lease after its
/// last user.
pub(crate) fn reapers(folder: &Path) -> Vec<u32> {
    let name = folder.to_str().unwrap();
    let is_reaper = |id: &u32| {
        let line = arguments(*id);
        // A subshell of a reaper has the reaper's command line, but leads no group.
        line.iter().any(|word| word == "spanproof-reaper")
            && line.iter().any(|word| word == name)
            && stat(*id).is_some_and(|fields| fields[2] == id.to_string())
    };
    processes().into_iter().filter(|id| runs(*id)).filter(is_reaper).collect()
}

/// Returns the processes that work in `folder` or have it in their command line.
fn processes_of(folder: &Path) -> Vec<u32> {
    let name = folder.to_str().unwrap();
    let uses = |id: &u32| {
        let cwd = std::fs::read_link(format!("/proc/{id}/cwd"));
        cwd.is_ok_and(|cwd| cwd.starts_with(folder))
            || arguments(*id).iter().any(|word| word.contains(name))
    };
    processes().into_iter().filter(|id| runs(*id)).filter(uses).collect()
}

/// Returns descriptions of the processes and the files that are left of the lease on `folder`.
pub(crate) fn leftovers(folder: &Path) -> Vec<String> {
    let mut left: Vec<_> = processes_of(folder)
        .iter()
        .map(|id| format!("process {id} {:?}", arguments(*id).last()))
        .collect();
    if folder.exists() {
        left.push(format!("{} {:?}", folder.display(), std::fs::read_dir(folder)));
    }
    left
}

pub(crate) fn signal(id: u32, signal: Signal) {
    // The process may have ended.
    let _sent = kill(Pid::from_raw(i32::try_from(id).unwrap()), signal);
}

/// One row of `/proc/sysvipc/shm`: a segment of shared memory.
struct Segment {
    id: String,
    /// The id of the process that created the segment.
    creator: u32,
    /// The number of processes that have attached the segment.
    attached: u32,
    /// The id of the user who owns the segment.
    owner: u32,
}

fn segments() -> Vec<Segment> {
    let table = std::fs::read_to_string("/proc/sysvipc/shm").unwrap();
    let rows = table.lines().skip(1).map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let number = |field: usize| fields[field].parse().unwrap();
        let (creator, attached, owner) = (number(4), number(6), number(7));
        Segment { id: fields[1].to_owned(), creator, attached, owner }
    });
    rows.collect()
}

/// Returns whether a segment with this id exists.
pub(crate) fn has_segment(id: &str) -> bool {
    segments().iter().any(|segment| segment.id == id)
}

/// Returns whether the process `creator` created a segment that no process has attached now.
pub(crate) fn has_unattached_segment_of(creator: u32) -> bool {
    segments().iter().any(|segment| segment.creator == creator && segment.attached == 0)
}

/// Returns the orphaned shared memory of the [`account`] that runs the test servers: segments that
/// no process has attached and whose creator has ended, and files in `/dev/shm` that no process has
/// open or mapped.
pub(crate) fn orphaned_memory() -> BTreeSet<String> {
    let owner = account().map_or_else(Uid::effective, |account| account.uid).as_raw();
    let segments = segments().into_iter().filter(|segment| {
        segment.owner == owner && segment.attached == 0 && !runs(segment.creator)
    });
    let segments = segments.map(|found| format!("segment {} of {}", found.id, found.creator));
    let named = std::fs::read_dir("/dev/shm").unwrap().flatten();
    let named = named.filter(|entry| entry.metadata().is_ok_and(|file| file.uid() == owner));
    let named = named.filter_map(|entry| entry.path().to_str().map(str::to_owned));
    let named: Vec<_> = named.filter(|name| name.starts_with("/dev/shm/PostgreSQL.")).collect();
    let used = if named.is_empty() { String::new() } else { used_names() };
    segments.chain(named.into_iter().filter(|name| !used.contains(name))).collect()
}

/// Returns a string with the name of every file that a process has open or mapped.
fn used_names() -> String {
    let mut names = String::new();
    for id in processes() {
        let open = std::fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten();
        for file in open.filter_map(|entry| std::fs::read_link(entry.path()).ok()) {
            names.push_str(&file.to_string_lossy());
            names.push('\n');
        }
        let maps = std::fs::read(format!("/proc/{id}/maps")).unwrap_or_default();
        names.push_str(&String::from_utf8_lossy(&maps));
    }
    names
}

/// Locks the shared memory of the machine until the returned value is dropped. Waits for other
/// tests that hold the lock, also in other runs of this program: the servers of all these tests run
/// as the same user, so a test can't tell its own shared memory from that of another.
pub(crate) fn lock_memory() -> Flock<File> {
    let memory = File::open("/dev/shm").unwrap();
    Flock::lock(memory, FlockArg::LockExclusive).unwrap()
}

/// Waits until there is no orphaned shared memory except that in `before`.
pub(crate) fn await_memory_removal(before: &BTreeSet<String>) {
    await_none("the removal of shared memory", || {
        orphaned_memory().difference(before).cloned().collect()
    });
}
