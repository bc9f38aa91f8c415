//! A running child process: its output, its exit, and stopping it with all of its descendants.

use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use tokio::sync::watch;

use super::Error;
use super::output::{Output, Stream, StreamReader};
use super::strays::{Activity, Stray, activity, descendants, family, holders};
use spanproof_lease::{Guard, Resource};

/// Time for the pipes of a killed process group to close. After this time, other processes that hold
/// the pipes open are killed.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(300);

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The process exited with this code.
    Code(i32),
    /// The process was terminated by this signal.
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

/// The exit of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// How the process ended.
    pub ending: Ending,
    /// Whether the process exited because it was asked to: after a signal, and not by itself. Also
    /// `true` for a `one-shot` service that exits cleanly, which needs no signal.
    pub stop_requested: bool,
    /// Whether the process was killed because it did not stop in time.
    pub killed: bool,
    /// Milliseconds from the start of the process to its exit.
    pub at_ms: u64,
    /// Milliseconds from the signal to the exit; 0 if no signal was sent.
    pub stop_ms: u64,
    /// Processes outside the process group that outlived the process and were killed, as
    /// `pid (name)`. They are descendants of the process, or held its output open.
    pub strays: Vec<String>,
    /// The name of the process in the spec; `None` for the main process of the service.
    pub process: Option<String>,
}

impl Exit {
    /// Returns a name of the process for a message, such as "the process `worker`".
    pub(crate) fn name(&self) -> String {
        match &self.process {
            Some(name) => format!("the process `{name}`"),
            None => "the service".to_owned(),
        }
    }

    /// Returns the exit that explains more of what went wrong, with the strays of both processes. An
    /// exit that was not requested explains most, then one by SIGKILL, then one with an error. If
    /// both explain equally much, returns `self`.
    pub(crate) fn combined(self, other: Self) -> Self {
        let rank = |exit: &Self| {
            let failed = !matches!(exit.ending, Ending::Code(0));
            (!exit.stop_requested, exit.killed, exit.stop_requested && failed)
        };
        let (mut first, second) =
            if rank(&other) > rank(&self) { (other, self) } else { (self, other) };
        first.strays.extend(second.strays);
        first
    }
}

/// A running process whose output is read in the background.
#[derive(Debug)]
pub(crate) struct Child {
    command: String,
    process: std::process::Child,
    start: Instant,
    streams: [StreamReader; 2],
    /// The names of the pipes of both streams, as in `/proc/*/fd`.
    pipes: [String; 2],
    /// Changes whenever output was read.
    output_changed: watch::Receiver<()>,
    /// Whether the process has exited.
    exited: watch::Receiver<bool>,
    /// Makes sure that the group is killed if this process is killed; `None` after the exit.
    guard: Option<Guard>,
}

impl Child {
    /// Starts to read the output of a process that was just started in its own group with both
    /// streams piped, and to watch for its exit.
    pub(super) fn new(mut process: std::process::Child, command: String) -> Result<Self, Error> {
        let start = Instant::now();
        let failed = || Error::system(format!("the output of `{command}` could not be read"));
        let guard = spanproof_lease::guard(Resource::Group(process.id())).map_err(failed())?;
        let (changes, output_changed) = watch::channel(());
        let stdout = process.stdout.take().map(OwnedFd::from);
        let stderr = process.stderr.take().map(OwnedFd::from);
        let (Some(stdout), Some(stderr)) = (stdout, stderr) else {
            return Err(failed()(std::io::Error::other("its streams are not piped")));
        };
        let pipes = [pipe_name(&stdout), pipe_name(&stderr)];
        let streams = [
            StreamReader::open(stdout, Stream::Stdout, start, changes.clone()).map_err(failed())?,
            StreamReader::open(stderr, Stream::Stderr, start, changes).map_err(failed())?,
        ];
        let exited = watch_exit(process.id());
        let guard = Some(guard);
        Ok(Self { command, process, start, streams, pipes, output_changed, exited, guard })
    }

    /// Returns the command line, quoted for a shell.
    pub(crate) fn command(&self) -> &str {
        &self.command
    }

    /// Returns the time of the start.
    pub(crate) fn start(&self) -> Instant {
        self.start
    }

    /// Returns the process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Returns the names of the pipes of both streams, as in `/proc/*/fd`.
    pub(super) fn pipes(&self) -> &[String] {
        &self.pipes
    }

    /// Returns the processor time of the process group, and whether the group is busy.
    pub(crate) fn activity(&self) -> Activity {
        activity(self.id())
    }

    /// Returns the ids of the process, of its group and of its descendants.
    pub(crate) fn family(&self) -> Vec<u32> {
        family(self.id())
    }

    /// Whether the process has exited.
    pub(crate) fn has_exited(&self) -> bool {
        *self.exited.borrow()
    }

    /// Returns the output so far. Reads the pipes first, so the result has everything that was
    /// written before the call.
    pub(crate) fn output(&self) -> Output {
        for stream in &self.streams {
            stream.catch_up();
        }
        let [stdout, stderr] = &self.streams;
        stdout.snapshot().merged(stderr.snapshot())
    }

    /// Stops the process and returns its exit and its whole output.
    ///
    /// Sends `signal` to the group, unless the process has exited by itself. Then waits for the exit,
    /// but not longer than `grace`, and sends SIGKILL to what is left of the group.
    ///
    /// # Errors
    /// If the process can't be waited for.
    pub(crate) async fn stop(
        mut self,
        signal: Signal,
        grace: Duration,
    ) -> Result<(Exit, Output), Error> {
        let stop_requested = !self.has_exited();
        let mut strays = descendants(self.id());
        let signalled = Instant::now();
        if stop_requested {
            self.signal(signal);
        }
        let in_time =
            tokio::time::timeout(grace, self.exited.wait_for(|exited| *exited)).await.is_ok();
        let stop_ms = if stop_requested { millis(signalled.elapsed()) } else { 0 };
        let at_ms = millis(self.start.elapsed());
        // Listed again, because the process may have started others while it stopped.
        strays.extend(descendants(self.id()));
        // The process is not reaped yet, so no other group can have its id.
        self.signal(Signal::SIGKILL);
        let status = self.reap()?;
        strays.retain(Stray::is_running);
        strays.iter().for_each(Stray::kill);
        strays.extend(self.close_pipes().await);
        strays.sort();
        strays.dedup();
        let exit = Exit {
            ending: ending(status),
            stop_requested,
            killed: !in_time,
            at_ms,
            stop_ms,
            strays: strays.iter().map(Stray::to_string).collect(),
            process: None,
        };
        Ok((exit, self.output()))
    }

    /// Kills the whole group and waits for the process to exit. [`Child::stop`] then returns its
    /// exit and output.
    pub(crate) async fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        // An error means that the task of `watch_exit` has ended, so the process has exited too.
        let _exited = self.exited.wait_for(|exited| *exited).await;
    }

    fn signal(&self, signal: Signal) {
        if let Ok(id) = i32::try_from(self.process.id()) {
            // ESRCH means that the group is already gone.
            let _sent = killpg(Pid::from_raw(id), signal);
        }
    }

    fn reap(&mut self) -> Result<ExitStatus, Error> {
        let status = self.process.wait();
        self.guard = None;
        status.map_err(Error::system(format!("`{}` could not be waited for", self.command)))
    }

    /// Waits for both streams to close. Kills processes outside the group that hold a stream open,
    /// and returns these processes.
    async fn close_pipes(&mut self) -> Vec<Stray> {
        if self.closed_within(CLOSE_TIMEOUT).await {
            return Vec::new();
        }
        let strays = holders(&self.pipes);
        strays.iter().for_each(Stray::kill);
        self.closed_within(CLOSE_TIMEOUT).await;
        strays
    }

    /// Waits until both streams are closed; returns whether that happened within the time.
    async fn closed_within(&mut self, within: Duration) -> bool {
        let streams = self.streams.clone();
        let closed = || streams.iter().all(StreamReader::is_closed);
        let wait = async { while !closed() && self.output_changed.changed().await.is_ok() {} };
        tokio::time::timeout(within, wait).await.is_ok() && closed()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.guard.is_some() {
            let strays = descendants(self.id());
            self.signal(Signal::SIGKILL);
            let _reaped = self.reap();
            strays.iter().chain(&holders(&self.pipes)).for_each(Stray::kill);
        }
    }
}

/// Returns a channel whose value becomes `true` when the process has exited. The process is not
/// reaped, so its id can't be reused, and signals to its group can't reach another group.
fn watch_exit(id: u32) -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    tokio::task::spawn_blocking(move || {
        if let Ok(id) = i32::try_from(id) {
            let without_reaping = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
            while waitid(Id::Pid(Pid::from_raw(id)), without_reaping)
                == Err(nix::errno::Errno::EINTR)
            {}
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

/// Returns the name of a pipe as in `/proc/*/fd`.
fn pipe_name(fd: &OwnedFd) -> String {
    nix::sys::stat::fstat(fd).map(|stat| format!("pipe:[{}]", stat.st_ino)).unwrap_or_default()
}
