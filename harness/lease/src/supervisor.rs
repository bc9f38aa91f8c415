//! Starts the reaper of a lease, and opens the FIFO on which the reaper waits. A lease is a folder
//! with a list of resources, such as processes. Its users are the processes that have opened it. The
//! reaper is a shell process that removes the resources and the folder when the last user has ended.
//!
//! The folder of a lease contains the FIFO. Each user has the FIFO open for writing, and the reaper
//! reads from it. The kernel closes the FIFO for a process that dies, so a killed process does not
//! count as a user.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Name of the FIFO in the folder of its lease.
pub(super) const FIFO: &str = "users";

const SCRIPT: &str = include_str!("reaper.sh");

/// When a reaper removes the resources of its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Removal {
    /// After the last user and the [parent](super::LeaseOptions::parent) have ended, unless a user
    /// called [`keep`](super::Lease::keep).
    AfterLastUser,
    /// As soon as there is no user, even if a user called [`keep`](super::Lease::keep) or the parent
    /// still runs.
    Now,
}

/// Opens the FIFO of `folder` without blocking.
fn open_fifo(folder: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW;
    options.custom_flags(flags.bits()).open(folder.join(FIFO))
}

/// Opens the FIFO as a user does; `None` if no reaper reads from it.
pub(super) fn open_for_writing(folder: &Path) -> io::Result<Option<File>> {
    match open_fifo(folder, OpenOptions::new().write(true)) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.raw_os_error() == Some(Errno::ENXIO as i32) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns whether a reaper reads from the FIFO.
pub(super) fn has_reaper(folder: &Path) -> io::Result<bool> {
    Ok(open_for_writing(folder)?.is_some())
}

/// Opens the FIFO as a reaper does. The file can be opened before the reaper is started, so that
/// the FIFO always has a reader.
pub(super) fn open_for_reading(folder: &Path) -> io::Result<File> {
    let reader = open_fifo(folder, OpenOptions::new().read(true))?;
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::empty()))?;
    Ok(reader)
}

/// Returns whether any process has the FIFO open for writing, as every user does.
pub(super) fn has_users(folder: &Path) -> io::Result<bool> {
    match open_fifo(folder, OpenOptions::new().read(true))?.read(&mut [0]) {
        Ok(0) => Ok(false),
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error),
    }
}

/// Returns whether the reaper that read from this FIFO has ended.
pub(super) fn has_no_reader(fifo: &File) -> bool {
    let mut polled = [PollFd::new(fifo.as_fd(), PollFlags::empty())];
    poll(&mut polled, PollTimeout::ZERO).is_ok() && lost_its_reader(&polled[0])
}

/// Returns whether `poll` has reported that no process reads from this FIFO.
pub(super) fn lost_its_reader(fifo: &PollFd<'_>) -> bool {
    fifo.revents().is_some_and(|events| events.contains(PollFlags::POLLERR))
}

/// Starts a reaper for `folder`. A second reaper for the same folder is harmless.
#[expect(clippy::disallowed_methods, reason = "the reaper must outlive this process")]
pub(super) fn start(folder: &Path, reader: File, when: Removal) -> io::Result<Child> {
    let mut command = Command::new("/bin/sh");
    // Reapers recognize each other by this name.
    command.args(["-c", SCRIPT, "spanproof-reaper"]).arg(folder);
    if when == Removal::Now {
        command.arg("now");
    }
    command.current_dir("/").process_group(0);
    command.stdin(reader).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn()
}

/// Starts a reaper and returns at once. [`reap_children`] collects the reaper's exit status.
pub(super) fn start_in_background(folder: &Path) -> io::Result<()> {
    let child = start(folder, open_for_reading(folder)?, Removal::AfterLastUser)?;
    children().push(child);
    Ok(())
}

/// Collects the exit status of reapers that have ended, so that they don't stay as zombies.
pub(super) fn reap_children() {
    children().retain_mut(|child| matches!(child.try_wait(), Ok(None)));
}

fn children() -> std::sync::MutexGuard<'static, Vec<Child>> {
    static CHILDREN: Mutex<Vec<Child>> = Mutex::new(Vec::new());
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}
