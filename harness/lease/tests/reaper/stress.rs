//! Kills at random moments. `SPANPROOF_STRESS` is the number of rounds, `SPANPROOF_SEED` repeats.

use std::path::Path;
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;

use crate::ends::{Stranger, age, is_all_gone, place};
use crate::machine::{
    alone, await_moment, await_no_memory, await_none, await_that, left, memory, processes, reapers,
    runs, signal,
};
use crate::user::{User, command, model};

/// A generator that repeats itself from the same seed.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let seed = number("SPANPROOF_SEED").unwrap_or(now.as_secs());
        println!("SPANPROOF_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn number(variable: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "how long, and the same again")]
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

/// A stranger's segment.
struct Segment(String);

impl Segment {
    fn make() -> Self {
        let made = command(Path::new("ipcmk")).args(["-M", "4096"]).output().unwrap();
        Self(String::from_utf8(made.stdout).unwrap().rsplit(' ').next().unwrap().trim().to_owned())
    }

    fn is_there(&self) -> bool {
        memory().iter().any(|name| name.starts_with(&format!("segment {} ", self.0)))
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        let _removed = command(Path::new("ipcrm")).args(["-m", &self.0]).status();
    }
}

#[test]
fn nothing_is_left_when_initdb_is_killed_at_any_moment() {
    let place = place();
    let mut chance = Chance::new();
    let _alone = alone();
    let segment = Segment::make();
    let before = memory();
    for round in 0..number("SPANPROOF_STRESS").unwrap_or(30) {
        let folder = place.path().join(format!("spanproof-initdb-{round}"));
        let mut user = User::start(place.path());
        user.ask(&format!("make {}", folder.display()));
        user.ask("initdb");
        let moment = chance.below(700);
        await_moment(Duration::from_millis(moment));
        user.kill();
        await_none(&format!("after {moment} ms"), || left(&folder));
        await_no_memory(&before);
    }
    assert!(segment.is_there());
}

#[test]
fn nothing_is_left_after_a_kill_at_any_moment() {
    let place = place();
    let mut chance = Chance::new();
    let model = model(place.path());
    let stranger = Stranger::start();
    let _alone = alone();
    let segment = Segment::make();
    let foreign = place.path().join("spanproof-stranger");
    std::fs::create_dir(&foreign).unwrap();
    let before = memory();
    for round in 0..number("SPANPROOF_STRESS").unwrap_or(12) {
        let folder = place.path().join(format!("spanproof-a b's-{round}"));
        let mut user = User::start(place.path());
        user.tell(&format!("make {}", folder.display()));
        user.tell(&format!("folder {}", place.path().join("a \"folder\"'s").display()));
        user.tell(&format!("group {}", seconds()));
        user.tell(&format!("server {}", model.display()));
        let moment = chance.below(500);
        await_moment(Duration::from_millis(moment));
        let victim = round % 4;
        println!("round {round}: victim {victim} after {moment} ms");
        let supervised = reapers(&folder);
        match victim {
            1 => postmaster(&folder).into_iter().for_each(|id| signal(id, Signal::SIGKILL)),
            // Both at once, so that nobody is left to start another reaper.
            3 => signal(user.id(), Signal::SIGSTOP),
            _ => {}
        }
        if victim >= 2 {
            for id in &supervised {
                signal(*id, Signal::SIGKILL);
            }
        }
        user.kill();
        let sweeper = (victim >= 2).then(|| {
            await_that("the end of the reaper", || !supervised.iter().any(|id| runs(*id)));
            sweep(place.path(), &folder)
        });
        is_all_gone(place.path(), &folder, &[]);
        drop(sweeper);
        await_none("groups", || sleepers().iter().map(u32::to_string).collect());
        await_no_memory(&before);
        assert!(runs(stranger.0.id()) && foreign.exists() && segment.is_there());
    }
}

/// A process that comes later.
fn sweep(place: &Path, folder: &Path) -> User {
    age(folder);
    let mut next = User::start(place);
    next.ask(&format!("own {}", folder.with_extension("next").display()));
    next
}

fn postmaster(folder: &Path) -> Option<u32> {
    let lock = std::fs::read_to_string(folder.join("data/postmaster.pid")).ok()?;
    lock.lines().next()?.parse().ok()
}

/// How long the groups of this run sleep: others may run this test at the same time.
fn seconds() -> u32 {
    1_000_000 + std::process::id()
}

/// The members of `State::group`, daemons too.
fn sleepers() -> Vec<u32> {
    let command = format!("sleep\0{}\0", seconds());
    let sleeps = |id: &u32| {
        let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        line == command.as_bytes()
    };
    processes().into_iter().filter(sleeps).filter(|id| runs(*id)).collect()
}
