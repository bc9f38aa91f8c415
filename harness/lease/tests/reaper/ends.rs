//! One user: however it, its reaper or its server ends, everything goes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::machine::{
    self, alone, await_no_memory, await_none, await_that, left, memory, reapers, runs,
};
use crate::user::{User, command, model};

/// A place for leases that the unprivileged user of a server can enter.
pub(crate) fn place() -> TempDir {
    let place = tempfile::Builder::new().prefix("reaper test's ").tempdir().unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(place.path(), mode).unwrap();
    place
}

/// A user with a lease in `place`, a group and a folder.
pub(crate) fn user(place: &Path) -> (User, PathBuf, Vec<u32>) {
    let mut user = User::start(place);
    let folder = place.join("spanproof-a b's-0123456789ab");
    user.ask(&format!("make {}", folder.display()));
    user.ask(&format!("folder {}", place.join("a \"folder\"'s").display()));
    let leader: u32 = user.ask("group 6543").parse().unwrap();
    await_that("the group", || machine::group(leader).len() == 3);
    (user, folder, machine::group(leader))
}

pub(crate) fn is_all_gone(place: &Path, folder: &Path, group: &[u32]) {
    await_none("the lease", || left(folder));
    let of_group = || group.iter().filter(|id| runs(**id)).map(u32::to_string).collect();
    await_none("the group", of_group);
    assert!(!place.join("a \"folder\"'s").exists());
}

/// Makes a lease old enough for a sweep.
pub(crate) fn age(folder: &Path) {
    let old = SystemTime::now() - Duration::from_mins(1);
    let old = nix::sys::time::TimeSpec::from(old.duration_since(SystemTime::UNIX_EPOCH).unwrap());
    let follow = nix::sys::stat::UtimensatFlags::NoFollowSymlink;
    // Who replaced a killed reaper may have removed it by now.
    let _aged =
        nix::sys::stat::utimensat(nix::fcntl::AT_FDCWD, &folder.join("users"), &old, &old, follow);
}

#[test]
fn a_killed_user_leaves_nothing() {
    let place = place();
    let _alone = alone();
    let before = memory();
    let model = model(place.path());
    let (mut user, folder, group) = user(place.path());
    let postmaster = user.ask(&format!("posix-server {}", model.display())).parse().unwrap();
    is_ready(&folder);
    user.kill();
    is_all_gone(place.path(), &folder, &group);
    assert!(!runs(postmaster));
    await_no_memory(&before);
}

fn is_ready(folder: &Path) {
    await_that("the server", || {
        let lock = std::fs::read_to_string(folder.join("data/postmaster.pid"));
        lock.is_ok_and(|lock| lock.contains("ready"))
    });
}

#[test]
fn the_segment_of_a_killed_postmaster_goes() {
    let place = place();
    let _alone = alone();
    let before = memory();
    let model = model(place.path());
    let (mut user, folder, group) = user(place.path());
    let postmaster = user.ask(&format!("server {}", model.display())).parse().unwrap();
    is_ready(&folder);
    machine::signal(postmaster, Signal::SIGKILL);
    // Its children end when they see it; then nobody has the segment.
    await_that("a leak", || memory().iter().any(|name| name.ends_with(&format!(" {postmaster}"))));
    drop(user);
    is_all_gone(place.path(), &folder, &group);
    await_no_memory(&before);
}

#[test]
fn a_killed_reaper_is_replaced() {
    let place = place();
    let (mut user, folder, group) = user(place.path());
    for _ in 0..3 {
        let reaper = reapers(&folder)[0];
        machine::signal(reaper, Signal::SIGKILL);
        let other = || reapers(&folder).iter().any(|id| *id != reaper);
        await_that("another reaper", other);
    }
    user.kill();
    is_all_gone(place.path(), &folder, &group);
}

#[test]
fn what_died_with_its_reaper_is_swept() {
    let place = place();
    let stranger = place.path().join("spanproof-stranger");
    std::fs::create_dir(&stranger).unwrap();
    std::fs::write(stranger.join("things"), "+ folder /nowhere\n").unwrap();
    let (mut dead, folder, group) = user(place.path());
    machine::signal(dead.id(), Signal::SIGSTOP);
    machine::signal(reapers(&folder)[0], Signal::SIGKILL);
    dead.kill();
    await_that("the end of the reaper", || reapers(&folder).is_empty());
    assert!(runs(group[0]));
    let mut living = User::start(place.path());
    let live = place.path().join("spanproof-live-0123456789ab");
    living.ask(&format!("make {}", live.display()));
    await_that("its reaper", || reapers(&live).len() == 1);
    age(&folder);
    age(&live);
    let mut next = User::start(place.path());
    next.ask(&format!("own {}", place.path().join("spanproof-of-next").display()));
    is_all_gone(place.path(), &folder, &group);
    assert!(stranger.exists() && live.exists());
    assert_eq!(reapers(&live).len(), 1);
}

/// A lease of the dead, written by hand.
fn remains(place: &Path, boot: &str, things: &str) -> PathBuf {
    let folder = place.join("spanproof-0123456789ab");
    std::fs::create_dir(&folder).unwrap();
    nix::unistd::mkfifo(&folder.join("users"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::fs::write(folder.join("things"), format!("boot {boot}\n{things}")).unwrap();
    File::create(folder.join("kept")).unwrap();
    folder
}

fn this_boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap().trim().to_owned()
}

/// A stranger in a group of its own; it is removed when this is dropped.
pub(crate) struct Stranger(pub(crate) std::process::Child);

impl Stranger {
    pub(crate) fn start() -> Self {
        let mut sleep = command(Path::new("sleep"));
        std::os::unix::process::CommandExt::process_group(&mut sleep, 0);
        Self(sleep.arg("7654").spawn().unwrap())
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _killed = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[test]
fn only_the_process_that_was_meant_is_killed() {
    let place = place();
    let cases = [(0, this_boot(), false), (1, this_boot(), true), (0, "another".into(), true)];
    for (later, boot, stays) in cases {
        let stranger = Stranger::start();
        let id = stranger.0.id();
        let start = machine::started(id) + later;
        let other = place.path().join("other");
        std::fs::create_dir(&other).unwrap();
        let things = format!(
            "+ group {id} {start} {}\n+ folder {}\n",
            machine::session(id),
            other.display()
        );
        let folder = remains(place.path(), &boot, &things);
        spanproof_lease::remove(&folder).unwrap();
        assert_eq!(runs(id), stays, "{things}");
        assert!(!folder.exists() && !other.exists());
    }
}

#[test]
fn what_is_kept_stays_until_it_is_removed() {
    let place = place();
    let (mut keeper, folder, group) = user(place.path());
    keeper.ask("keep");
    let mut other = User::start(place.path());
    let asked = format!("remove {}", folder.display());
    assert!(other.ask(&asked).ends_with("is in use"));
    keeper.kill();
    await_that("the end of the reaper", || reapers(&folder).is_empty());
    age(&folder);
    other.ask(&format!("own {}", place.path().join("sweeps").display()));
    assert_eq!(other.ask("kept"), format!("[{folder:?}]"));
    assert!(runs(group[0]) && folder.exists());
    assert_eq!(other.ask(&asked), "done");
    is_all_gone(place.path(), &folder, &group);
    assert_eq!(other.ask("kept"), "[]");
}
