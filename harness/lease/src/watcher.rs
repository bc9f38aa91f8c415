//! The thread of a user that replaces a reaper that was killed.

use std::fs::File;
use std::io::{self, ErrorKind, PipeReader, PipeWriter};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::supervisor;

/// Between two starts, in milliseconds: where no reaper stays alive, we must not start them in a
/// tight loop.
const PAUSE: u8 = 50;

/// Watches for as long as it lives.
#[derive(Debug)]
pub(super) struct Watcher {
    /// Closing it wakes the thread.
    wake: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    pub(super) fn start(users: Arc<File>, folder: PathBuf) -> io::Result<Self> {
        let (asleep, wake) = io::pipe()?;
        let thread = std::thread::Builder::new()
            .name("reaper-watcher".into())
            .spawn(move || watch(&users, &folder, &asleep))?;
        Ok(Self { wake: Some(wake), thread: Some(thread) })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

fn watch(users: &File, folder: &Path, asleep: &PipeReader) {
    loop {
        let mut ends = [
            PollFd::new(asleep.as_fd(), PollFlags::POLLIN),
            PollFd::new(users.as_fd(), PollFlags::empty()),
        ];
        match poll(&mut ends, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(_) => return,
        }
        if happened(&ends[0]) {
            return;
        }
        if !supervisor::lost(&ends[1]) {
            continue;
        }
        supervisor::bury();
        // Without the folder there is nothing to end. Anything else may pass, such as too many
        // processes.
        if supervisor::leave(folder).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return;
        }
        let mut ends = [PollFd::new(asleep.as_fd(), PollFlags::POLLIN)];
        if poll(&mut ends, PollTimeout::from(PAUSE)).is_ok() && happened(&ends[0]) {
            return;
        }
    }
}

fn happened(end: &PollFd<'_>) -> bool {
    end.revents().is_some_and(|events| !events.is_empty())
}
