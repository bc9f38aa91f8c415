//! Tests with several users of one lease, and with a parent process that keeps the lease. A user is
//! a process that has opened the lease.

use std::path::Path;

use nix::sys::signal::Signal;

use crate::machine::{self, await_none, await_that, leftovers, reapers, runs};
use crate::removal::{UnrelatedProcess, await_removal, parent_folder, start_user};
use crate::user::User;

/// Starts a user that joins the lease on `folder`. Returns the user and its answer: `joined`, or
/// `none` if the lease has ended.
fn join(parent: &Path, folder: &Path) -> (User, String) {
    let mut user = User::start(parent);
    let answer = user.ask(&format!("join {}", folder.display()));
    (user, answer)
}

/// Creates another lease and waits for its removal, twice. If a reaper wrongly removes the lease
/// under test, it has enough time to do that before this function returns.
fn await_other_removals(parent: &Path) {
    let folder = parent.join("spanproof-other");
    for _ in 0..2 {
        let mut user = User::start(parent);
        user.ask(&format!("create {}", folder.display()));
        user.ask("group 6543");
        user.kill();
        await_none("the removal of the other lease", || leftovers(&folder));
    }
}

#[test]
fn a_lease_is_removed_after_its_last_user_has_left() {
    let parent = parent_folder();
    let (mut first, folder, group) = start_user(parent.path());
    let (mut second, joined) = join(parent.path(), &folder);
    assert_eq!(joined, "joined");
    first.kill();
    // The second user still replaces the reaper.
    let reaper = reapers(&folder)[0];
    machine::signal(reaper, Signal::SIGKILL);
    await_that("another reaper", || reapers(&folder).iter().any(|id| *id != reaper));
    assert!(runs(group[0]) && folder.join("users").exists());
    second.ask("leave");
    await_removal(parent.path(), &folder, &group);
    assert_eq!(join(parent.path(), &folder).1, "none");
}

#[test]
fn a_lease_stays_while_its_parent_process_runs() {
    let parent = parent_folder();
    let mut parent_process = UnrelatedProcess::start();
    let folder = parent.path().join("spanproof-0123456789ab");
    let mut first = User::start(parent.path());
    first.ask(&format!("parent {}", parent_process.0.id()));
    first.ask(&format!("create {}", folder.display()));
    let group: u32 = first.ask("group 6543").parse().unwrap();
    first.kill();
    await_other_removals(parent.path());
    assert!(runs(group) && folder.exists());
    let (mut second, joined) = join(parent.path(), &folder);
    assert_eq!(joined, "joined");
    // The parent process stays as a zombie, which counts as ended.
    parent_process.0.kill().unwrap();
    await_other_removals(parent.path());
    assert!(runs(group) && folder.exists());
    second.kill();
    await_removal(parent.path(), &folder, &[group]);
}

/// The record is the file that names the lease's folder. Here the record is a FIFO, so that the
/// reaper blocks when it reads the record.
#[test]
fn a_user_that_joins_before_the_record_is_removed_keeps_the_lease() {
    let parent = parent_folder();
    let folder = parent.path().join("spanproof-0123456789ab");
    let records = parent.path().join("records");
    std::fs::create_dir(&records).unwrap();
    let record = records.join("a record's");
    nix::unistd::mkfifo(&record, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut first = User::start(parent.path());
    first.ask(&format!("record {}", record.display()));
    first.ask(&format!("create {}", folder.display()));
    let group: u32 = first.ask("group 6543").parse().unwrap();
    first.kill();
    // Blocks until the reaper opens the record, which happens after the last user has ended.
    let mut writer = std::fs::OpenOptions::new().write(true).open(&record).unwrap();
    let (mut second, joined) = join(parent.path(), &folder);
    assert_eq!(joined, "joined");
    std::io::Write::write_all(&mut writer, format!("{}\n", folder.display()).as_bytes()).unwrap();
    drop(writer);
    await_that("the removal of the record", || !record.exists());
    await_that("the file `over`", || folder.join("over").exists());
    await_other_removals(parent.path());
    assert!(runs(group), "the group was killed, although the second user still has the lease");
    assert_eq!(join(parent.path(), &folder).1, "none");
    second.kill();
    await_removal(parent.path(), &folder, &[group]);
}

#[test]
fn a_record_that_names_another_lease_stays() {
    let parent = parent_folder();
    let folder = parent.path().join("spanproof-0123456789ab");
    let record = parent.path().join("record");
    std::fs::write(&record, "/another\n").unwrap();
    let mut user = User::start(parent.path());
    user.ask(&format!("record {}", record.display()));
    user.ask(&format!("create {}", folder.display()));
    user.kill();
    await_removal(parent.path(), &folder, &[]);
    assert!(record.exists());
}
