//! Processes that left the group of the service that started them.
//!
//! Two traces lead to them: they hold the service's output open, or they descend from it. A daemon
//! that does neither (its own output, and a parent that had ended before the service was asked to
//! stop) is not found: the system keeps no record of where it came from, and a mark in the
//! environment would not leave the service what the spec gives it.

use std::collections::BTreeMap;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A process as it was when it was found; its id alone may name another one later.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stray {
    id: u32,
    /// Its start in the system's ticks, which tells it from a later process with its id.
    start: u64,
    name: String,
}

impl std::fmt::Display for Stray {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.id, self.name)
    }
}

impl Stray {
    /// Kills it, unless it has ended.
    pub(super) fn kill(&self) {
        if let (true, Ok(id)) = (self.lives(), i32::try_from(self.id)) {
            let _sent = kill(Pid::from_raw(id), Signal::SIGKILL);
        }
    }

    /// Whether it still runs: the same process, and not a zombie.
    pub(super) fn lives(&self) -> bool {
        Stat::of(self.id).is_some_and(|now| now.start == self.start && !now.ended)
    }
}

/// What `/proc/ID/stat` says. A crate for `/proc` reads fifty fields of every process, and we need five.
struct Stat {
    name: String,
    parent: u32,
    group: u32,
    start: u64,
    ended: bool,
}

impl Stat {
    fn of(id: u32) -> Option<Self> {
        Self::read(&std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
    }

    /// The name may hold anything, blanks and parentheses too.
    fn read(text: &str) -> Option<Self> {
        let (before, after) = text.rsplit_once(") ")?;
        let words: Vec<&str> = after.split_ascii_whitespace().collect();
        Some(Self {
            name: before.split_once(" (")?.1.to_owned(),
            ended: matches!(*words.first()?, "Z" | "X"),
            parent: words.get(1)?.parse().ok()?,
            group: words.get(2)?.parse().ok()?,
            start: words.get(19)?.parse().ok()?,
        })
    }
}

/// Every process that descends from `leader` and is not in its group any more.
pub(super) fn descendants(leader: u32) -> Vec<Stray> {
    let all: BTreeMap<u32, Stat> =
        ids().into_iter().filter_map(|id| Some((id, Stat::of(id)?))).collect();
    let parent = |id: u32| all.get(&id).map(|stat| stat.parent);
    let descends = |id: u32| {
        // Bounded: the table was not read in one moment, so it may hold a circle.
        let up = std::iter::successors(parent(id), |up| parent(*up));
        up.take(all.len()).any(|up| up == leader)
    };
    all.iter()
        .filter(|(id, stat)| stat.group != leader && !stat.ended && descends(**id))
        .map(|(id, stat)| Stray { id: *id, start: stat.start, name: stat.name.clone() })
        .collect()
}

/// Every other process that holds one of `pipes` open.
pub(super) fn holders(pipes: &[String]) -> Vec<Stray> {
    let own = std::process::id();
    ids()
        .into_iter()
        .filter(|id| *id != own)
        .filter_map(|id| {
            let stat = Stat::of(id)?;
            holds(id, pipes).then_some(Stray { id, start: stat.start, name: stat.name })
        })
        .collect()
}

fn ids() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn holds(id: u32, pipes: &[String]) -> bool {
    let Ok(files) = std::fs::read_dir(format!("/proc/{id}/fd")) else { return false };
    files
        .flatten()
        .filter_map(|file| std::fs::read_link(file.path()).ok())
        .any(|target| target.to_str().is_some_and(|name| pipes.iter().any(|pipe| pipe == name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_blanks_is_read() {
        let text = "7 (a) b (c)) S 3 5 5 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 4711 1 2";
        let stat = Stat::read(text).unwrap();
        assert_eq!((stat.name.as_str(), stat.parent, stat.group), ("a) b (c)", 3, 5));
        assert_eq!((stat.start, stat.ended), (4711, false));
    }

    #[test]
    fn a_later_process_with_the_same_id_is_never_killed() {
        let id = std::process::id();
        let start = Stat::of(id).unwrap().start;
        let own = Stray { id, start, name: String::new() };
        assert!(own.lives());
        let earlier = Stray { start: start - 1, ..own };
        assert!(!earlier.lives());
        earlier.kill();
    }
}
