//! A thread in each user of a lease, that is, in each process that uses the folder of the lease. The
//! reaper is a shell process that removes the folder and its resources when the last user has ended.
//! If the reaper is killed, the thread starts another one.

use std::fs::File;
use std::io::{self, ErrorKind, PipeReader, PipeWriter};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::supervisor;

/// Milliseconds between two starts of a reaper, so that reapers that die at once are not started
/// in a tight loop.
const RESTART_INTERVAL: u8 = 50;

/// A thread that watches the reaper. Dropping this value ends the thread.
#[derive(Debug)]
pub(super) struct Watcher {
    /// Closing this pipe ends the thread.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    pub(super) fn start(fifo: Arc<File>, folder: PathBuf) -> io::Result<Self> {
        let (stopped, stop) = io::pipe()?;
        let thread = std::thread::Builder::new()
            .name("reaper-watcher".into())
            .spawn(move || watch(&fifo, &folder, &stopped))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _joined = thread.join();
        }
    }
}

/// Starts another reaper whenever no process reads from the FIFO, until the other end of `stopped` is
/// closed.
fn watch(fifo: &File, folder: &Path, stopped: &PipeReader) {
    loop {
        let mut polled = [
            PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
            PollFd::new(fifo.as_fd(), PollFlags::empty()),
        ];
        match poll(&mut polled, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(_) => return,
        }
        if has_event(&polled[0]) {
            return;
        }
        if !supervisor::lost_its_reader(&polled[1]) {
            continue;
        }
        supervisor::reap_children();
        // Without the folder there is nothing to remove. After another error, such as too many
        // processes, the next attempt may succeed.
        let started = supervisor::start_in_background(folder);
        if started.is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return;
        }
        let mut polled = [PollFd::new(stopped.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::from(RESTART_INTERVAL);
        if poll(&mut polled, timeout).is_ok() && has_event(&polled[0]) {
            return;
        }
    }
}

fn has_event(polled: &PollFd<'_>) -> bool {
    polled.revents().is_some_and(|events| !events.is_empty())
}
