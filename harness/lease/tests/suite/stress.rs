//! Tests that kill processes at random moments, and then expect that nothing of a lease remains. A
//! lease is a folder with a list of resources, which a reaper removes when the last user, a process
//! that uses the lease, has ended. `SPANPROOF_STRESS` sets the number of rounds. `SPANPROOF_SEED`
//! repeats the moments of an earlier run.

use std::path::Path;
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;

use crate::machine::{
    await_memory_removal, await_moment, await_none, await_that, has_segment, leftovers,
    lock_memory, orphaned_memory, processes, reapers, runs, signal,
};
use crate::removal::{UnrelatedProcess, await_removal, make_old, parent_folder};
use crate::user::{User, command, template_data};

/// A random number generator that returns the same numbers for the same seed.
struct Rng(u64);

impl Rng {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let seed = number_from_env("SPANPROOF_SEED").unwrap_or(now.as_secs());
        println!("SPANPROOF_SEED={seed}");
        Self(seed)
    }

    /// Returns a number from 0 to `limit`, exclusive.
    fn next_below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Returns the number in an environment variable; `None` if the variable is unset.
fn number_from_env(variable: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "the number of rounds and the seed")]
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

/// A segment of shared memory that belongs to no lease. Dropping this value removes the segment.
struct UnrelatedSegment(String);

impl UnrelatedSegment {
    fn create() -> Self {
        let output = command(Path::new("ipcmk")).args(["-M", "4096"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        Self(text.rsplit(' ').next().unwrap().trim().to_owned())
    }

    fn exists(&self) -> bool {
        has_segment(&self.0)
    }
}

impl Drop for UnrelatedSegment {
    fn drop(&mut self) {
        let _removed = command(Path::new("ipcrm")).args(["-m", &self.0]).status();
    }
}

#[test]
fn a_kill_during_initdb_leaves_nothing() {
    let parent = parent_folder();
    let mut rng = Rng::new();
    let _lock = lock_memory();
    let segment = UnrelatedSegment::create();
    let before = orphaned_memory();
    for round in 0..number_from_env("SPANPROOF_STRESS").unwrap_or(30) {
        let folder = parent.path().join(format!("spanproof-initdb-{round}"));
        let mut user = User::start(parent.path());
        user.ask(&format!("create {}", folder.display()));
        user.ask("initdb");
        let moment = rng.next_below(700);
        await_moment(Duration::from_millis(moment));
        user.kill();
        let event = format!("the removal of the lease after a kill at {moment} ms");
        await_none(&event, || leftovers(&folder));
        await_memory_removal(&before);
    }
    assert!(segment.exists());
}

#[test]
fn a_kill_at_any_moment_leaves_nothing() {
    let parent = parent_folder();
    let mut rng = Rng::new();
    let template = template_data(parent.path());
    let unrelated = UnrelatedProcess::start();
    let _lock = lock_memory();
    let segment = UnrelatedSegment::create();
    let unrelated_folder = parent.path().join("spanproof-unrelated");
    std::fs::create_dir(&unrelated_folder).unwrap();
    let before = orphaned_memory();
    for round in 0..number_from_env("SPANPROOF_STRESS").unwrap_or(12) {
        let folder = parent.path().join(format!("spanproof-a b's-{round}"));
        let mut user = User::start(parent.path());
        user.send(&format!("create {}", folder.display()));
        user.send(&format!("folder {}", parent.path().join("a \"folder\"'s").display()));
        user.send(&format!("group {}", sleep_seconds()));
        user.send(&format!("server {}", template.display()));
        let moment = rng.next_below(500);
        await_moment(Duration::from_millis(moment));
        // 0: kills only the user. 1: kills the user and the postmaster. 2 and 3: kills the user and
        // the reapers.
        let victim = round % 4;
        println!("round {round}: victim {victim} after {moment} ms");
        let running_reapers = reapers(&folder);
        match victim {
            1 => postmaster(&folder).into_iter().for_each(|id| signal(id, Signal::SIGKILL)),
            // Stops the user before the reapers are killed, so that it can't replace them.
            3 => signal(user.id(), Signal::SIGSTOP),
            _ => {}
        }
        if victim >= 2 {
            for id in &running_reapers {
                signal(*id, Signal::SIGKILL);
            }
        }
        user.kill();
        let sweeper = (victim >= 2).then(|| {
            await_that("the end of the reaper", || !running_reapers.iter().any(|id| runs(*id)));
            sweep(parent.path(), &folder)
        });
        await_removal(parent.path(), &folder, &[]);
        drop(sweeper);
        await_none("the end of the groups", || sleepers().iter().map(u32::to_string).collect());
        await_memory_removal(&before);
        assert!(runs(unrelated.0.id()) && unrelated_folder.exists() && segment.exists());
    }
}

/// Makes the lease old enough for a sweep, the removal of leases that dead processes left. Then
/// starts another user, whose first lease starts a sweep.
fn sweep(parent: &Path, folder: &Path) -> User {
    make_old(folder);
    let mut next = User::start(parent);
    next.ask(&format!("guard {}", folder.with_extension("next").display()));
    next
}

fn postmaster(folder: &Path) -> Option<u32> {
    let lock = std::fs::read_to_string(folder.join("data/postmaster.pid")).ok()?;
    lock.lines().next()?.parse().ok()
}

/// Returns how many seconds the groups of this test sleep. The process id is added, so that
/// concurrent runs of this test use different numbers.
fn sleep_seconds() -> u32 {
    1_000_000 + std::process::id()
}

/// Returns the `sleep` processes that the users of this test started and that still run.
fn sleepers() -> Vec<u32> {
    let command = format!("sleep\0{}\0", sleep_seconds());
    let sleeps = |id: &u32| {
        let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        line == command.as_bytes()
    };
    processes().into_iter().filter(sleeps).filter(|id| runs(*id)).collect()
}
