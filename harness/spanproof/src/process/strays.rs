//! Finds strays: processes that the service started and that left its process group.
//!
//! A stray is found if it holds the service's output open, or if it is a descendant of the service.
//! A daemon with its own output whose parent exited before the service was stopped is neither: the
//! system does not record where it came from. `daemons` finds it by its environment.

use std::collections::{BTreeMap, BTreeSet};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A process outside the service's group. The start time distinguishes it from a later process with
/// the same id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stray {
    pub(super) id: u32,
    /// The start time in clock ticks since boot.
    pub(super) start: u64,
    pub(super) name: String,
}

impl std::fmt::Display for Stray {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.id, self.name)
    }
}

impl Stray {
    /// Kills the process if it is still running.
    pub(super) fn kill(&self) {
        self.send(Signal::SIGKILL);
    }

    /// Sends a signal to the process if it is still running.
    pub(super) fn send(&self, signal: Signal) {
        if let (true, Ok(id)) = (self.is_running(), i32::try_from(self.id)) {
            let _sent = kill(Pid::from_raw(id), signal);
        }
    }

    /// Whether the same process is still running and is not a zombie.
    pub(super) fn is_running(&self) -> bool {
        Stat::read(self.id).is_some_and(|now| now.start == self.start && !now.has_ended)
    }
}

/// Some fields of `/proc/ID/stat`. A crate for `/proc` would read all fifty fields of every process.
pub(super) struct Stat {
    pub(super) name: String,
    pub(super) parent: u32,
    pub(super) group: u32,
    /// Processor time of the process and of its children that have ended, in clock ticks.
    ticks: u64,
    /// The start time in clock ticks since boot.
    pub(super) start: u64,
    pub(super) has_ended: bool,
    /// Whether a signal stopped the process, and none continued it.
    is_stopped: bool,
    /// Whether the process runs, waits for a processor or waits for a disk.
    is_busy: bool,
}

impl Stat {
    /// Reads the fields of a process; `None` if it is gone.
    pub(super) fn read(id: u32) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
    }

    /// Parses the file; the name may contain blanks and parentheses.
    fn parse(text: &str) -> Option<Self> {
        let (before, after) = text.rsplit_once(") ")?;
        let words: Vec<&str> = after.split_ascii_whitespace().collect();
        Some(Self {
            name: before.split_once(" (")?.1.to_owned(),
            has_ended: matches!(*words.first()?, "Z" | "X"),
            is_stopped: *words.first()? == "T",
            parent: words.get(1)?.parse().ok()?,
            group: words.get(2)?.parse().ok()?,
            ticks: words.get(11..15)?.iter().filter_map(|word| word.parse::<u64>().ok()).sum(),
            is_busy: matches!(*words.first()?, "R" | "D"),
            start: words.get(19)?.parse().ok()?,
        })
    }
}

/// The processor time of a process group, and whether the group is busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Activity {
    /// The processor time of all processes in clock ticks of 10 ms.
    pub(crate) ticks: u64,
    /// Whether a process runs, waits for a processor or waits for a disk at this moment.
    pub(crate) is_busy: bool,
}

/// Returns the processor time of a group, and whether the group is busy.
pub(super) fn activity(group: u32) -> Activity {
    let members = ids().into_iter().filter_map(Stat::read).filter(|stat| stat.group == group);
    members.fold(Activity { ticks: 0, is_busy: false }, |sum, stat| Activity {
        ticks: sum.ticks + stat.ticks,
        is_busy: sum.is_busy || stat.is_busy,
    })
}

/// Returns every descendant of `leader` that is not in the group of `leader`.
pub(super) fn descendants(leader: u32) -> Vec<Stray> {
    let all = processes();
    all.iter()
        .filter(|(id, stat)| {
            stat.group != leader && !stat.has_ended && descends(&all, **id, leader)
        })
        .map(|(id, stat)| Stray { id: *id, start: stat.start, name: stat.name.clone() })
        .collect()
}

/// Returns a process called `name` that a signal stopped, and that has the same parent as one of `siblings`
/// with that name; `None` if there is none.
pub(crate) fn stopped_sibling(siblings: &BTreeSet<u32>, name: &str) -> Option<u32> {
    let all = processes();
    let known = siblings.iter().filter_map(|id| all.get(id)).filter(|stat| stat.name == name);
    let parents: BTreeSet<u32> = known.map(|stat| stat.parent).collect();
    let mut stopped = all.iter().filter(|(_, stat)| stat.is_stopped && stat.name == name);
    stopped.find(|(_, stat)| parents.contains(&stat.parent)).map(|(id, _)| *id)
}

/// Returns a process called `name` that a signal stopped, and that descends from this process; `None` if
/// there is none.
pub(crate) fn stopped_descendant(name: &str) -> Option<u32> {
    let (all, own) = (processes(), std::process::id());
    let mut stopped = all.iter().filter(|(_, stat)| stat.is_stopped && stat.name == name);
    stopped.find(|(id, _)| descends(&all, **id, own)).map(|(id, _)| *id)
}

/// Returns the ids of `leader`, of the processes in its group and of its descendants.
pub(super) fn family(leader: u32) -> Vec<u32> {
    let all = processes();
    let others = all.iter().filter(|(id, stat)| {
        **id != leader && (stat.group == leader || descends(&all, **id, leader))
    });
    std::iter::once(leader).chain(others.map(|(id, _)| *id)).collect()
}

/// Returns all processes of the system.
pub(super) fn processes() -> BTreeMap<u32, Stat> {
    ids().into_iter().filter_map(|id| Some((id, Stat::read(id)?))).collect()
}

/// Returns the ids of a process, its parent, and so on.
pub(super) fn ancestry(all: &BTreeMap<u32, Stat>, id: u32) -> impl Iterator<Item = u32> {
    let parent = |id: &u32| all.get(id).map(|stat| stat.parent);
    // The processes were read one after the other, so their parents may form a cycle. The limit ends it.
    std::iter::successors(Some(id), parent).take(all.len() + 1)
}

/// Whether a process descends from `leader`.
fn descends(all: &BTreeMap<u32, Stat>, id: u32, leader: u32) -> bool {
    ancestry(all, id).skip(1).any(|ancestor| ancestor == leader)
}

/// Returns every process except this one that holds one of these pipes or sockets open. Their names are the
/// link targets in `/proc/*/fd`.
pub(super) fn holders(names: &[String]) -> Vec<Stray> {
    let own = std::process::id();
    ids()
        .into_iter()
        .filter(|id| *id != own)
        .filter_map(|id| {
            let stat = Stat::read(id)?;
            holds_open(id, names).then_some(Stray { id, start: stat.start, name: stat.name })
        })
        .collect()
}

/// Returns the ids of all processes of the system.
pub(super) fn ids() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Whether a process holds one of these pipes or sockets open. Their names are the link targets in
/// `/proc/*/fd`.
pub(super) fn holds_open(id: u32, names: &[String]) -> bool {
    let Ok(files) = std::fs::read_dir(format!("/proc/{id}/fd")) else { return false };
    files
        .flatten()
        .filter_map(|file| std::fs::read_link(file.path()).ok())
        .any(|target| target.to_str().is_some_and(|target| names.iter().any(|name| name == target)))
}

/// Whether a process runs in a container; also `true` if that can't be found out.
pub(super) fn may_be_in_container(id: u32) -> bool {
    ["pid", "mnt"].into_iter().any(|kind| {
        let namespace = |id: &str| std::fs::read_link(format!("/proc/{id}/ns/{kind}")).ok();
        let other = namespace(&id.to_string());
        other.is_none() || other != namespace("self")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_a_name_with_parentheses_and_blanks() {
        let text = "7 (a) b (c)) S 3 5 5 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 4711 1 2";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.name.as_str(), stat.parent, stat.group), ("a) b (c)", 3, 5));
        assert_eq!((stat.start, stat.has_ended), (4711, false));
        let text = "7 (a) R 3 5 5 0 -1 4 0 0 0 0 1 2 30 40 20 0 1 0 4711 1 2";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.ticks, stat.is_busy), (73, true));
    }

    #[test]
    fn a_later_process_with_the_same_id_is_not_killed() {
        let id = std::process::id();
        let start = Stat::read(id).unwrap().start;
        let own = Stray { id, start, name: String::new() };
        assert!(own.is_running());
        let earlier = Stray { start: start - 1, ..own };
        assert!(!earlier.is_running());
        earlier.kill();
    }
}
