//! The process that ends a lease, and the pipe that tells it when.
//!
//! The folder of a lease has a FIFO that each user holds open for writing and that the reaper
//! reads: the kernel closes an end with its process, so that nothing can be forgotten and nobody
//! who was killed is counted.

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

/// The name of the FIFO in the folder of its lease.
pub(super) const NAME: &str = "users";

const SCRIPT: &str = include_str!("reaper.sh");

/// When the reaper begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// When the last user has gone, and the parent if there is one, and unless it is kept.
    Unused,
    /// At once.
    Now,
}

/// Opens an end of the FIFO of `folder` without waiting for the other one.
fn end(folder: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW;
    options.custom_flags(flags.bits()).open(folder.join(NAME))
}

/// The end that makes us a user. None without a reaper.
pub(super) fn user(folder: &Path) -> io::Result<Option<File>> {
    match end(folder, OpenOptions::new().write(true)) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.raw_os_error() == Some(Errno::ENXIO as i32) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether anybody holds the end of a user.
pub(super) fn has_users(folder: &Path) -> io::Result<bool> {
    match end(folder, OpenOptions::new().read(true))?.read(&mut [0]) {
        Ok(0) => Ok(false),
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error),
    }
}

/// Whether the reaper that the end of a user leads to is gone.
pub(super) fn is_gone(user: &File) -> bool {
    let mut ends = [PollFd::new(user.as_fd(), PollFlags::empty())];
    poll(&mut ends, PollTimeout::ZERO).is_ok() && lost(&ends[0])
}

pub(super) fn lost(end: &PollFd<'_>) -> bool {
    end.revents().is_some_and(|events| events.contains(PollFlags::POLLERR))
}

/// The end of a reaper. It is there before the process is, so that there is always one.
pub(super) fn reading(folder: &Path) -> io::Result<File> {
    let reading = end(folder, OpenOptions::new().read(true))?;
    fcntl(&reading, FcntlArg::F_SETFL(OFlag::empty()))?;
    Ok(reading)
}

/// Starts a reaper for `folder`. A second one does no harm.
#[expect(clippy::disallowed_methods, reason = "the reaper is the process that watches ours")]
pub(super) fn start(folder: &Path, reading: File, when: When) -> io::Result<Child> {
    let mut command = Command::new("/bin/sh");
    // The name is what one reaper knows another by.
    command.args(["-c", SCRIPT, "spanproof-reaper"]).arg(folder);
    if when == When::Now {
        command.arg("now");
    }
    command.current_dir("/").process_group(0);
    command.stdin(reading).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn()
}

/// Starts a reaper that ends after us or when it likes; [`bury`] waits for it.
pub(super) fn leave(folder: &Path) -> io::Result<()> {
    let child = start(folder, reading(folder)?, When::Unused)?;
    started().push(child);
    Ok(())
}

/// Waits for those that have ended, so that no zombies gather in a process that goes on.
pub(super) fn bury() {
    started().retain_mut(|child| matches!(child.try_wait(), Ok(None)));
}

fn started() -> std::sync::MutexGuard<'static, Vec<Child>> {
    static STARTED: Mutex<Vec<Child>> = Mutex::new(Vec::new());
    STARTED.lock().unwrap_or_else(PoisonError::into_inner)
}
