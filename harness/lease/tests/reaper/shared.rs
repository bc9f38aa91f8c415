//! Several users of one lease, and a parent for whose sake it goes on.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::ends::{Stranger, is_all_gone, place, user};
use crate::machine::{self, await_moment, await_that, reapers, runs};
use crate::user::User;

fn join(place: &Path, folder: &Path) -> (User, String) {
    let mut other = User::start(place);
    let answer = other.ask(&format!("join {}", folder.display()));
    (other, answer)
}

#[test]
fn things_go_with_the_last_user() {
    let place = place();
    let (mut first, folder, group) = user(place.path());
    let (mut second, joined) = join(place.path(), &folder);
    assert_eq!(joined, "joined");
    first.kill();
    // The one that is left replaces its reaper, so that it was read to its end and still is there.
    let reaper = reapers(&folder)[0];
    machine::signal(reaper, Signal::SIGKILL);
    await_that("another reaper", || reapers(&folder).iter().any(|id| *id != reaper));
    assert!(runs(group[0]) && folder.join("users").exists());
    second.ask("leave");
    is_all_gone(place.path(), &folder, &group);
    assert_eq!(join(place.path(), &folder).1, "none");
}

#[test]
fn a_parent_that_lives_keeps_it() {
    let place = place();
    let mut parent = Stranger::start();
    let folder = place.path().join("spanproof-0123456789ab");
    let mut first = User::start(place.path());
    first.ask(&format!("parent {}", parent.0.id()));
    first.ask(&format!("make {}", folder.display()));
    let group: u32 = first.ask("group 6543").parse().unwrap();
    first.kill();
    // Longer than it takes to end one.
    await_moment(Duration::from_millis(300));
    assert!(runs(group) && folder.exists());
    let (mut second, joined) = join(place.path(), &folder);
    assert_eq!(joined, "joined");
    // A zombie is no parent.
    parent.0.kill().unwrap();
    await_moment(Duration::from_millis(100));
    assert!(runs(group) && folder.exists());
    second.kill();
    is_all_gone(place.path(), &folder, &[group]);
}

/// The record is a FIFO here, so that the reaper waits in the middle of its end.
#[test]
fn who_joins_before_the_record_is_removed_is_served() {
    let place = place();
    let folder = place.path().join("spanproof-0123456789ab");
    let records = place.path().join("records");
    std::fs::create_dir(&records).unwrap();
    let record = records.join("a record's");
    nix::unistd::mkfifo(&record, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut first = User::start(place.path());
    first.ask(&format!("record {}", record.display()));
    first.ask(&format!("make {}", folder.display()));
    let group: u32 = first.ask("group 6543").parse().unwrap();
    first.kill();
    // This blocks until the reaper, which has seen that nobody is left, opens it as well.
    let mut written = std::fs::OpenOptions::new().write(true).open(&record).unwrap();
    let (mut late, joined) = join(place.path(), &folder);
    assert_eq!(joined, "joined");
    std::io::Write::write_all(&mut written, format!("{}\n", folder.display()).as_bytes()).unwrap();
    drop(written);
    await_that("the end of the record", || !record.exists());
    await_that("the mark", || folder.join("over").exists());
    // Longer than it takes to end one.
    await_moment(Duration::from_millis(300));
    assert!(runs(group), "the late one is served");
    assert_eq!(join(place.path(), &folder).1, "none");
    late.kill();
    is_all_gone(place.path(), &folder, &[group]);
}

#[test]
fn a_record_that_names_another_lease_stays() {
    let place = place();
    let folder = place.path().join("spanproof-0123456789ab");
    let record = place.path().join("record");
    std::fs::write(&record, "/another\n").unwrap();
    let mut user = User::start(place.path());
    user.ask(&format!("record {}", record.display()));
    user.ask(&format!("make {}", folder.display()));
    user.kill();
    is_all_gone(place.path(), &folder, &[]);
    assert!(record.exists());
}
