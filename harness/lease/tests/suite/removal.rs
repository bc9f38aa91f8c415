//! Tests with one user of a lease: everything is removed, whether the user, its reaper or its server
//! dies. A lease is a folder with a journal of the resources to remove when its users, the processes
//! that opened it, have ended. A reaper is the process that removes them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::machine::{
    self, await_memory_removal, await_none, await_that, has_unattached_segment_of, leftovers,
    lock_memory, orphaned_memory, reapers, runs,
};
use crate::user::{User, command, template_data};

/// Creates a folder for leases. The account that runs a test server can enter this folder.
pub(crate) fn parent_folder() -> TempDir {
    let parent = tempfile::Builder::new().prefix("reaper test's ").tempdir().unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(parent.path(), mode).unwrap();
    parent
}

/// Starts a user with a lease in `parent`, and registers a process group and a folder with the lease.
/// Returns the user, the folder of its lease, and the processes of the group. The names of both folders
/// have spaces and quotes, which the shell script of the reaper must keep.
pub(crate) fn start_user(parent: &Path) -> (User, PathBuf, Vec<u32>) {
    let mut user = User::start(parent);
    let folder = parent.join("spanproof-a b's-0123456789ab");
    user.ask(&format!("create {}", folder.display()));
    user.ask(&format!("folder {}", parent.join("a \"folder\"'s").display()));
    let leader: u32 = user.ask("group 6543").parse().unwrap();
    await_that("3 processes of the group", || machine::group_with_children(leader).len() == 3);
    (user, folder, machine::group_with_children(leader))
}

/// Waits until the lease is removed and the processes `group` have ended. Then checks that the folder
/// that [`start_user`] registered is removed, too.
pub(crate) fn await_removal(parent: &Path, folder: &Path, group: &[u32]) {
    await_none("the removal of the lease", || leftovers(folder));
    let running = || group.iter().filter(|id| runs(**id)).map(u32::to_string).collect();
    await_none("the end of the group", running);
    assert!(!parent.join("a \"folder\"'s").exists());
}

/// Changes the time of a lease's FIFO to a minute ago. A sweep removes the leases that dead
/// processes left, but not those younger than ten seconds.
pub(crate) fn make_old(folder: &Path) {
    let old = SystemTime::now() - Duration::from_mins(1);
    let old = nix::sys::time::TimeSpec::from(old.duration_since(SystemTime::UNIX_EPOCH).unwrap());
    let no_follow = nix::sys::stat::UtimensatFlags::NoFollowSymlink;
    // Another reaper may have removed the folder by now.
    let fifo = folder.join("users");
    let _aged = nix::sys::stat::utimensat(nix::fcntl::AT_FDCWD, &fifo, &old, &old, no_follow);
}

#[test]
fn a_process_that_is_not_yet_guarded_dies_with_its_user() {
    let parent = parent_folder();
    let mut user = User::start(parent.path());
    let id: u32 = user.ask("unguarded 6544").parse().unwrap();
    assert!(runs(id));
    user.kill();
    await_that("the end of the process", || !runs(id));
}

#[test]
fn a_killed_user_leaves_nothing() {
    let parent = parent_folder();
    let _lock = lock_memory();
    let before = orphaned_memory();
    let template = template_data(parent.path());
    let (mut user, folder, group) = start_user(parent.path());
    let postmaster = user.ask(&format!("posix-server {}", template.display())).parse().unwrap();
    await_server(&folder);
    user.kill();
    await_removal(parent.path(), &folder, &group);
    assert!(!runs(postmaster));
    await_memory_removal(&before);
}

fn await_server(folder: &Path) {
    await_that("the start of the server", || {
        let lock = std::fs::read_to_string(folder.join("data/postmaster.pid"));
        lock.is_ok_and(|lock| lock.contains("ready"))
    });
}

#[test]
fn the_shared_memory_of_a_killed_postmaster_is_removed() {
    let parent = parent_folder();
    let _lock = lock_memory();
    let before = orphaned_memory();
    let template = template_data(parent.path());
    let (mut user, folder, group) = start_user(parent.path());
    let postmaster = user.ask(&format!("server {}", template.display())).parse().unwrap();
    await_server(&folder);
    machine::signal(postmaster, Signal::SIGKILL);
    // The postmaster's children end when they notice its death. Then no process uses its segment of
    // shared memory.
    await_that("an unattached segment", || has_unattached_segment_of(postmaster));
    drop(user);
    await_removal(parent.path(), &folder, &group);
    await_memory_removal(&before);
}

#[test]
fn a_killed_reaper_is_replaced() {
    let parent = parent_folder();
    let (mut user, folder, group) = start_user(parent.path());
    for _ in 0..3 {
        let reaper = reapers(&folder)[0];
        machine::signal(reaper, Signal::SIGKILL);
        let has_another = || reapers(&folder).iter().any(|id| *id != reaper);
        await_that("another reaper", has_another);
    }
    user.kill();
    await_removal(parent.path(), &folder, &group);
}

#[test]
fn a_sweep_removes_a_lease_whose_user_and_reaper_are_dead() {
    let parent = parent_folder();
    // This folder has a journal and no FIFO, so it is not a lease.
    let unrelated = parent.path().join("spanproof-unrelated");
    std::fs::create_dir(&unrelated).unwrap();
    std::fs::write(unrelated.join("things"), "+ folder /nowhere\n").unwrap();
    let (mut dead, folder, group) = start_user(parent.path());
    // A stopped user does not replace its killed reaper.
    machine::signal(dead.id(), Signal::SIGSTOP);
    machine::signal(reapers(&folder)[0], Signal::SIGKILL);
    dead.kill();
    await_that("the end of the reaper", || reapers(&folder).is_empty());
    assert!(runs(group[0]));
    let mut living = User::start(parent.path());
    let live = parent.path().join("spanproof-live-0123456789ab");
    living.ask(&format!("create {}", live.display()));
    await_that("the reaper of the live lease", || reapers(&live).len() == 1);
    make_old(&folder);
    make_old(&live);
    let mut next = User::start(parent.path());
    next.ask(&format!("guard {}", parent.path().join("spanproof-of-next").display()));
    await_removal(parent.path(), &folder, &group);
    assert!(unrelated.exists() && live.exists());
    assert_eq!(reapers(&live).len(), 1);
}

/// Creates the folder of a kept lease that has no user and no reaper. Its journal has the boot id
/// `boot` and the lines `entries`.
fn write_lease(parent: &Path, boot: &str, entries: &str) -> PathBuf {
    let folder = parent.join("spanproof-0123456789ab");
    std::fs::create_dir(&folder).unwrap();
    nix::unistd::mkfifo(&folder.join("users"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::fs::write(folder.join("things"), format!("boot {boot}\n{entries}")).unwrap();
    File::create(folder.join("kept")).unwrap();
    folder
}

fn this_boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap().trim().to_owned()
}

/// A process in its own group that belongs to no lease. Dropping this value kills the process.
pub(crate) struct UnrelatedProcess(pub(crate) std::process::Child);

impl UnrelatedProcess {
    pub(crate) fn start() -> Self {
        let mut sleep = command(Path::new("sleep"));
        std::os::unix::process::CommandExt::process_group(&mut sleep, 0);
        Self(sleep.arg("7654").spawn().unwrap())
    }
}

impl Drop for UnrelatedProcess {
    fn drop(&mut self) {
        let _killed = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[test]
fn kills_a_process_only_if_boot_and_start_time_match() {
    let parent = parent_folder();
    // Each row: by how many ticks the start time in the journal is later than the true one, the boot
    // id in the journal, and whether the process survives.
    let rows = [(0, this_boot(), false), (1, this_boot(), true), (0, "another".into(), true)];
    for (ticks, boot, survives) in rows {
        let process = UnrelatedProcess::start();
        let id = process.0.id();
        let start = machine::start_time(id) + ticks;
        let other = parent.path().join("other");
        std::fs::create_dir(&other).unwrap();
        let entries = format!(
            "+ group {id} {start} {}\n+ folder {}\n",
            machine::session(id),
            other.display()
        );
        let folder = write_lease(parent.path(), &boot, &entries);
        spanproof_lease::remove_folder(&folder).unwrap();
        assert_eq!(runs(id), survives, "{entries}");
        assert!(!folder.exists() && !other.exists());
    }
}

#[test]
fn a_kept_folder_stays_until_it_is_removed() {
    let parent = parent_folder();
    let (mut keeper, folder, group) = start_user(parent.path());
    keeper.ask("keep");
    let mut other = User::start(parent.path());
    let remove = format!("remove {}", folder.display());
    assert!(other.ask(&remove).ends_with("is in use"));
    keeper.kill();
    await_that("the end of the reaper", || reapers(&folder).is_empty());
    make_old(&folder);
    // A process sweeps when it creates its first lease.
    other.ask(&format!("guard {}", parent.path().join("sweeps").display()));
    let kept = format!("kept {}", parent.path().display());
    assert_eq!(other.ask(&kept), format!("[{folder:?}]"));
    assert!(runs(group[0]) && folder.exists());
    assert_eq!(other.ask(&remove), "done");
    await_removal(parent.path(), &folder, &group);
    assert_eq!(other.ask(&kept), "[]");
}
