//! Finds and ends daemons: processes of a case (one run of the service) that share no parent, group or stream
//! with the processes that were started for it. A daemon is recognised by a mark in a variable that it
//! inherited. A mark is a string that only the processes of the case have there, such as the name of the
//! case's database.
//!
//! A daemon is not found if it cleared its environment, runs as another user, or runs in a container. A
//! process whose environment can't be read is left alone.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::sync::Mutex;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::geteuid;

use super::strays::{Stat, Stray, ids, may_be_in_container};
use spanproof_lease::wait::{Attempt, until};

/// A process that ends this soon after the service does not count as left behind.
const SETTLE: Duration = Duration::from_millis(300);
/// Time limit for killing daemons, which may start others meanwhile.
const KILL_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum number of searches. A search is repeated if a process ended or changed while it was read: this
/// process may have started another one that was not listed yet.
const SEARCHES: usize = 5;
/// Searches in a row without a daemon after which all daemons count as ended.
const EMPTY_SEARCHES: usize = 4;
/// Maximum number of ancestors of a process to read.
const MAX_ANCESTORS: usize = 100;
/// Maximum number of daemons that are reported.
const MAX_REPORTED: usize = 20;

/// A search for the daemons of one case.
#[derive(Debug)]
pub(super) struct Daemons {
    marks: Vec<String>,
    /// The start of the first process of the case, in clock ticks since boot.
    first: u64,
}

impl Daemons {
    /// Creates a search for processes that started at `first` or later and have one of `marks` in a variable;
    /// `None` without marks.
    pub(super) fn new(marks: Vec<String>, first: u64) -> Option<Self> {
        (!marks.is_empty() && first > 0).then_some(Self { marks, first })
    }

    /// Returns the processes that have a mark now, including descendants of this process.
    pub(super) fn with_mark(&self) -> Vec<Identity> {
        let mut found = Vec::new();
        for _search in 0..SEARCHES {
            let marked =
                ids().into_iter().map(|id| self.relation(id)).filter_map(Relation::with_mark);
            found.extend(marked.map(|process| identity(&process)));
        }
        found
    }

    /// Ends the daemons with SIGTERM, and those that still run after `grace` with SIGKILL. Returns each with
    /// a description such as `7 (sleep)`.
    pub(super) async fn end(&self, grace: Duration) -> Vec<(Identity, String)> {
        let is_none = || self.search(|_| {}).is_empty();
        if is_none() || none_within(SETTLE, is_none).await {
            return Vec::new();
        }
        let seen = Mutex::new(BTreeMap::new());
        let signal = |daemon: &Stray, signal| {
            let is_new = seen
                .lock()
                .is_ok_and(|mut seen| seen.insert(identity(daemon), daemon.clone()).is_none());
            if is_new || signal == Signal::SIGKILL {
                daemon.send(signal);
            }
        };
        let terminate = || self.search(|daemon| signal(daemon, Signal::SIGTERM)).is_empty();
        let kill = || self.search(|daemon| signal(daemon, Signal::SIGKILL)).is_empty();
        if !none_within(grace, terminate).await {
            let _killed = none_within(KILL_TIMEOUT, kill).await;
        }
        let describe = |(identity, daemon): (Identity, Stray)| {
            let still = if daemon.is_running() { ", which could not be ended" } else { "" };
            (identity, format!("{daemon}{still}"))
        };
        let seen = seen.into_inner().unwrap_or_default();
        // The last ones are reported, because they may still be running.
        let unreported = seen.len().saturating_sub(MAX_REPORTED);
        seen.into_iter().skip(unreported).map(describe).collect()
    }

    /// Kills the daemons at once.
    pub(super) fn kill(&self) {
        for _search in 0..SEARCHES {
            if self.search(Stray::kill).is_empty() {
                return;
            }
        }
    }

    /// Returns all daemons. Calls `on_each` as soon as a daemon is found, because it may be gone a moment
    /// later.
    fn search(&self, mut on_each: impl FnMut(&Stray)) -> Vec<Stray> {
        for _search in 0..SEARCHES {
            let (mut found, mut any_unclear) = (Vec::new(), false);
            for id in ids() {
                match self.relation(id) {
                    Relation::Unclear => any_unclear = true,
                    Relation::Daemon(daemon) => {
                        on_each(&daemon);
                        found.push(daemon);
                    }
                    Relation::Child(_) | Relation::Other => {}
                }
            }
            if !found.is_empty() || !any_unclear {
                return found;
            }
        }
        Vec::new()
    }

    fn relation(&self, id: u32) -> Relation {
        let Some(stat) = Stat::read(id) else { return Relation::Unclear };
        if stat.start < self.first || id == std::process::id() {
            return Relation::Other;
        }
        if stat.has_ended {
            return Relation::Unclear;
        }
        let environment = match std::fs::read(format!("/proc/{id}/environ")) {
            Ok(environment) => environment,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Relation::Other,
            Err(_) => return Relation::Unclear,
        };
        if !has_mark(&environment, &self.marks) {
            // A process has no environment while it replaces its program. Kernel threads, which have no
            // group, never have one.
            let is_unclear = environment.is_empty() && stat.group != 0;
            return if is_unclear { Relation::Unclear } else { Relation::Other };
        }
        let is_out_of_reach = !can_signal(id) || may_be_in_container(id);
        let is_child = is_started_here(id);
        let process = Stray { id, start: stat.start, name: stat.name };
        match process.is_running() {
            true if is_out_of_reach => Relation::Other,
            true if is_child => Relation::Child(process),
            true => Relation::Daemon(process),
            false => Relation::Unclear,
        }
    }
}

/// The relation of a process to a case.
enum Relation {
    /// It has a mark, and does not descend from this process.
    Daemon(Stray),
    /// It has a mark, and descends from this process, which ends it in another way.
    Child(Stray),
    /// It does not belong to the case, or this process can't or must not end it.
    Other,
    /// It has ended, or changed while it was read.
    Unclear,
}

impl Relation {
    fn with_mark(self) -> Option<Stray> {
        match self {
            Self::Daemon(process) | Self::Child(process) => Some(process),
            Self::Other | Self::Unclear => None,
        }
    }
}

/// The id and the start time of a process. Its name changes when it runs another program.
pub(super) type Identity = (u32, u64);

fn identity(process: &Stray) -> Identity {
    (process.id, process.start)
}

/// Waits until several searches in a row found no daemon, and returns whether that happened within `limit`. A
/// single search can miss a daemon that is just starting another one.
async fn none_within(limit: Duration, mut is_none: impl FnMut() -> bool) -> bool {
    let mut empty = 0;
    let mut attempt = move || {
        empty = if is_none() { empty + 1 } else { 0 };
        empty
    };
    let wait = until("no daemon", limit, || {
        let empty = attempt();
        async move {
            if empty >= EMPTY_SEARCHES { Attempt::Done(()) } else { Attempt::NotYet(String::new()) }
        }
    });
    wait.await.is_ok()
}

/// Whether a variable of an environment has one of `marks` in its value, as a whole word: the name of a
/// database may be a prefix of another one. A process may overwrite its environment with a title, which is
/// not a variable.
fn has_mark(environment: &[u8], marks: &[String]) -> bool {
    let text = String::from_utf8_lossy(environment);
    let variables = text.split('\0').filter_map(|variable| variable.split_once('='));
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let is_name = |name: &str| !name.is_empty() && name.chars().all(is_word);
    let has = |value: &str, mark: &str| {
        value.match_indices(mark).any(|(start, _)| {
            let (before, after) = (&value[..start], &value[start + mark.len()..]);
            !before.ends_with(is_word) && !after.starts_with(is_word)
        })
    };
    variables
        .filter(|(name, _)| is_name(name))
        .any(|(_, value)| marks.iter().any(|mark| has(value, mark)))
}

/// Whether this process has the permission to signal a process: both belong to the same user, or this user is
/// root.
fn can_signal(id: u32) -> bool {
    let user = geteuid();
    let owner = std::fs::metadata(format!("/proc/{id}")).map(|meta| meta.uid());
    user.is_root() || owner.is_ok_and(|owner| owner == user.as_raw())
}

/// Whether a process descends from this one, so that its parent ends it. `false` if this process is the first
/// one of a container, which becomes the parent of every daemon.
fn is_started_here(id: u32) -> bool {
    let own = std::process::id();
    let parent = |id: &u32| Stat::read(*id).map(|stat| stat.parent);
    let ancestry = std::iter::successors(Some(id), parent).take(MAX_ANCESTORS);
    own != 1 && ancestry.skip(1).any(|ancestor| ancestor == own)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::a_variable("A=1\0DATABASE_URL=postgres:///run_case_1?host=/tmp\0", true)]
    #[case::the_whole_value("DB=run_case_1", true)]
    #[case::another_database("DB=run_case_10\0OTHER=my_run_case_1\0", false)]
    #[case::only_a_name("run_case_1=yes\0", false)]
    #[case::the_title_of_a_session("postgres: me run_case_1 [local] a=b\0HOME=/\0", false)]
    #[case::nothing("", false)]
    fn a_mark_is_a_whole_word_of_a_value(#[case] environment: &str, #[case] expected: bool) {
        let marks = ["run_case_1".to_owned()];
        assert_eq!(has_mark(environment.as_bytes(), &marks), expected);
    }

    #[test]
    fn a_search_needs_marks_and_a_start() {
        assert!(Daemons::new(Vec::new(), 1).is_none());
        assert!(Daemons::new(vec!["x".to_owned()], 0).is_none());
    }
}
