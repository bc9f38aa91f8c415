//! A running child: its output so far, its exit, and stopping it with all that it started.

use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use tokio::sync::watch;

use super::Error;
use super::output::{Output, Stream, Tap};
use super::strays::{Stray, descendants, holders};
use spanproof_lease::{Guard, Resource};

/// How long the last bytes of a dead group may take to arrive before its pipes are looked into.
const LAST_BYTES: Duration = Duration::from_millis(300);

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It exited with this code.
    Code(i32),
    /// It was ended by this signal.
    Signal(i32),
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(f, "signal {signal}"),
                Err(_) => write!(f, "signal {number}"),
            },
        }
    }
}

/// The end of a process, with who asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// How it ended.
    pub ending: Ending,
    /// Whether it ended after it was asked to stop; otherwise it ended by itself.
    pub asked: bool,
    /// Whether it had to be killed because it did not stop in time.
    pub killed: bool,
    /// Milliseconds from its start.
    pub at_ms: u64,
    /// Milliseconds from being asked to stop until it was gone; 0 when it was not asked.
    pub stop_ms: u64,
    /// Processes that had left its process group and outlived it, as `pid (name)`: those that
    /// descend from it or held its output open. They were killed.
    pub strays: Vec<String>,
}

/// A running process with its two output streams followed.
#[derive(Debug)]
pub(crate) struct Child {
    command: String,
    process: std::process::Child,
    start: Instant,
    taps: [Tap; 2],
    pipes: [String; 2],
    changed: watch::Receiver<()>,
    gone: watch::Receiver<bool>,
    guard: Option<Guard>,
}

impl Child {
    /// Follows a process that was just started in its own process group with both streams piped.
    pub(super) fn follow(mut process: std::process::Child, command: String) -> Result<Self, Error> {
        let start = Instant::now();
        let failed = || Error::system(format!("the output of `{command}` could not be followed"));
        let guard = spanproof_lease::guard(Resource::Group(process.id())).map_err(failed())?;
        let (changes, changed) = watch::channel(());
        let stdout = process.stdout.take().map(OwnedFd::from);
        let stderr = process.stderr.take().map(OwnedFd::from);
        let (Some(stdout), Some(stderr)) = (stdout, stderr) else {
            return Err(failed()(std::io::Error::other("its streams are not piped")));
        };
        let pipes = [inode(&stdout), inode(&stderr)];
        let taps = [
            Tap::open(stdout, Stream::Stdout, start, changes.clone()).map_err(failed())?,
            Tap::open(stderr, Stream::Stderr, start, changes).map_err(failed())?,
        ];
        let gone = watch_exit(process.id());
        Ok(Self { command, process, start, taps, pipes, changed, gone, guard: Some(guard) })
    }

    /// The command as one line.
    pub(crate) fn command(&self) -> &str {
        &self.command
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Whether the process has ended by itself.
    pub(crate) fn has_exited(&self) -> bool {
        *self.gone.borrow()
    }

    /// What it has written until now: what is in the pipes at this moment is read first, so
    /// everything that was written before some event is there when this is called after it.
    pub(crate) fn output(&self) -> Output {
        for tap in &self.taps {
            tap.catch_up();
        }
        self.taps[0].snapshot().merged(self.taps[1].snapshot())
    }

    /// Asks the process to stop (SIGTERM to its group), kills the whole group when `grace` is over
    /// or when it is gone, and gives how it ended with all it wrote. A process that has ended by
    /// itself is only cleaned up after.
    ///
    /// # Errors
    /// When the process can't be waited for.
    pub(crate) async fn stop(mut self, grace: Duration) -> Result<(Exit, Output), Error> {
        let asked = !self.has_exited();
        let mut family = descendants(self.id());
        let asked_at = Instant::now();
        if asked {
            self.signal(Signal::SIGTERM);
        }
        let in_time = tokio::time::timeout(grace, self.gone.wait_for(|gone| *gone)).await.is_ok();
        let stop_ms = if asked { millis(asked_at.elapsed()) } else { 0 };
        let at_ms = millis(self.start.elapsed());
        // Once more: it may have started others while it stopped.
        family.extend(descendants(self.id()));
        // The leader is not reaped yet, so its id still names this group and no other.
        self.signal(Signal::SIGKILL);
        let status = self.reap()?;
        family.retain(Stray::lives);
        family.iter().for_each(Stray::kill);
        family.extend(self.last_bytes().await);
        family.sort();
        family.dedup();
        let strays = family.iter().map(Stray::to_string).collect();
        let exit = Exit { ending: ending(status), asked, killed: !in_time, at_ms, stop_ms, strays };
        Ok((exit, self.output()))
    }

    /// Kills the whole group at once, as a machine that goes down would, and waits until the process
    /// is gone. [`Child::stop`] then gives what it left.
    pub(crate) async fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        // An error would mean that its watcher is gone, which ends with the process.
        let _gone = self.gone.wait_for(|gone| *gone).await;
    }

    fn signal(&self, signal: Signal) {
        if let Ok(id) = i32::try_from(self.process.id()) {
            // ESRCH: the group is gone, which is what was wanted.
            let _sent = killpg(Pid::from_raw(id), signal);
        }
    }

    fn reap(&mut self) -> Result<ExitStatus, Error> {
        let status = self.process.wait();
        self.guard = None;
        status.map_err(Error::system(format!("`{}` could not be waited for", self.command)))
    }

    /// Waits for both streams to close; kills whoever outside the group still holds them.
    async fn last_bytes(&mut self) -> Vec<Stray> {
        if self.closed_within(LAST_BYTES).await {
            return Vec::new();
        }
        let strays = holders(&self.pipes);
        strays.iter().for_each(Stray::kill);
        self.closed_within(LAST_BYTES).await;
        strays
    }

    async fn closed_within(&mut self, within: Duration) -> bool {
        let taps = self.taps.clone();
        let both = || taps.iter().all(Tap::closed);
        let wait = async { while !both() && self.changed.changed().await.is_ok() {} };
        tokio::time::timeout(within, wait).await.is_ok() && both()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.guard.is_some() {
            let family = descendants(self.id());
            self.signal(Signal::SIGKILL);
            let _reaped = self.reap();
            family.iter().chain(&holders(&self.pipes)).for_each(Stray::kill);
        }
    }
}

/// Tells when the process has ended, without reaping it: until then its id can't be given to
/// another process, so signals to its group never reach a stranger.
fn watch_exit(id: u32) -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    tokio::task::spawn_blocking(move || {
        if let Ok(id) = i32::try_from(id) {
            let only_look = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
            while waitid(Id::Pid(Pid::from_raw(id)), only_look) == Err(nix::errno::Errno::EINTR) {}
        }
        sender.send_replace(true);
    });
    receiver
}

fn ending(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Code(code),
        (None, Some(signal)) => Ending::Signal(signal),
        (None, None) => Ending::Code(-1),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The pipe's name as `/proc/*/fd` shows it.
fn inode(fd: &OwnedFd) -> String {
    nix::sys::stat::fstat(fd).map(|stat| format!("pipe:[{}]", stat.st_ino)).unwrap_or_default()
}
