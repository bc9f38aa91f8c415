//! Starts the command `spanproof`. All tests of this suite start it with this module.

use std::ffi::OsStr;
use std::io::{BufReader, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value as Json;

use crate::wait::wait_until;

/// The spec of this repository.
pub(crate) const SPEC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spanproof.toml");
/// The migrations of this repository.
pub(crate) const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_spanproof");
/// Time limit for a command to exit, after a signal or by itself.
const EXIT_TIMEOUT: Duration = Duration::from_secs(20);
/// Time limit for the next output of a command, in milliseconds.
const READ_TIMEOUT: u16 = 30_000;
/// Environment variables that are removed, because they change what the command does or prints.
const REMOVED: [&str; 7] = [
    "CI",
    "DATABASE_URL",
    "SPANPROOF_POSTGRES",
    "NO_COLOR",
    "CLICOLOR_FORCE",
    "FORCE_COLOR",
    "COLUMNS",
];

/// A command line that runs `spanproof` and has not been started yet.
#[derive(Debug)]
pub(crate) struct Spanproof {
    command: Command,
    stdin: Option<String>,
    timeout: Duration,
}

/// The exit code of a command and everything that it printed.
#[derive(Debug)]
pub(crate) struct Output {
    /// The exit code; -1 if a signal killed the process.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Spanproof {
    /// Creates the command `spanproof ARGS`, to run in `folder`.
    pub(crate) fn new(folder: impl AsRef<Path>, args: &[&str]) -> Self {
        Self::program(BINARY, folder.as_ref(), args)
    }

    /// Creates the command that runs a shell script, in which `spanproof` is the binary under test.
    pub(crate) fn shell(folder: impl AsRef<Path>, script: &str) -> Self {
        Self::program("sh", folder.as_ref(), &["-c", &with_binary(script)])
    }

    /// Creates the command that runs a shell script on a terminal. The terminal's output is in
    /// `stdout`, with all escape sequences.
    pub(crate) fn terminal(folder: impl AsRef<Path>, script: &str) -> Self {
        let args = ["-qec", &with_binary(script), "/dev/null"];
        Self::program("script", folder.as_ref(), &args)
    }

    fn program(name: &str, folder: &Path, args: &[&str]) -> Self {
        let mut command = program(name);
        command.current_dir(folder).args(args);
        for name in REMOVED {
            command.env_remove(name);
        }
        Self { command, stdin: None, timeout: Duration::from_mins(2) }
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value.as_ref());
        self
    }

    /// Sets the text of standard input, which is empty by default.
    pub(crate) fn stdin(mut self, text: impl Into<String>) -> Self {
        self.stdin = Some(text.into());
        self
    }

    /// Sets the time after which [`Self::output`] kills the command; the default is two minutes.
    pub(crate) fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Runs the command until it exits.
    pub(crate) fn output(mut self) -> Output {
        let text = self.stdin.take().unwrap_or_default();
        let mut child = self.start();
        let mut stdin = child.stdin.take().unwrap();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (ends, end) = mpsc::channel();
        thread::scope(|scope| {
            // The command may exit before it has read everything.
            scope.spawn(move || stdin.write_all(text.as_bytes()));
            let stderr = scope.spawn(|| read(stderr));
            let stdout = scope.spawn(move || {
                let text = read(stdout);
                ends.send(()).unwrap();
                text
            });
            if end.recv_timeout(self.timeout).is_err() {
                child.kill().unwrap();
            }
            let code = child.wait().unwrap().code().unwrap_or(-1);
            Output { code, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
        })
    }

    /// Runs the command until it exits, on another thread, so that the test can act while it runs.
    pub(crate) async fn output_async(self) -> Output {
        tokio::task::spawn_blocking(|| self.output()).await.unwrap()
    }

    /// Starts the command and returns while it runs.
    pub(crate) fn spawn(mut self) -> Running {
        let mut child = self.start();
        let stdin = child.stdin.take().unwrap();
        let stdout = child.stdout.take().map(BufReader::new);
        Running { child, stdin, stdout }
    }

    /// Starts the command with pipes for its standard streams.
    fn start(&mut self) -> Child {
        let command = self.command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::piped()).spawn().unwrap()
    }
}

/// A running command. Dropping this value kills the process.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdin: ChildStdin,
    stdout: Option<BufReader<ChildStdout>>,
}

impl Running {
    /// Returns the process id of the command.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the command.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.id()).unwrap()), signal).unwrap();
    }

    /// Writes to the command's standard input.
    pub(crate) fn write(&mut self, text: &str) {
        self.stdin.write_all(text.as_bytes()).unwrap();
    }

    /// Closes the pipe of the command's standard output.
    pub(crate) fn close_stdout(&mut self) {
        self.stdout = None;
    }

    /// Reads the next line of standard output.
    pub(crate) fn next_line(&mut self) -> String {
        let text = self.read_until("\n");
        text.trim_end_matches('\n').to_owned()
    }

    /// Reads lines up to the first line that contains all of `words`, and returns this line.
    pub(crate) fn line_with(&mut self, words: &[&str]) -> String {
        loop {
            let line = self.next_line();
            if words.iter().all(|word| line.contains(word)) {
                return line;
            }
        }
    }

    /// Reads standard output up to the first `end`, and returns the text, which ends with `end`.
    pub(crate) fn read_until(&mut self, end: &str) -> String {
        let stdout = self.stdout.as_mut().unwrap();
        let mut text = Vec::new();
        while !text.ends_with(end.as_bytes()) {
            let mut fds = [PollFd::new(stdout.get_ref().as_fd(), PollFlags::POLLIN)];
            let is_ready = !stdout.buffer().is_empty() || poll(&mut fds, READ_TIMEOUT).unwrap() > 0;
            let byte =
                if is_ready { stdout.by_ref().bytes().next().transpose().unwrap() } else { None };
            assert!(byte.is_some(), "expected {end:?} after {:?}", String::from_utf8_lossy(&text));
            text.extend(byte);
        }
        String::from_utf8(text).unwrap()
    }

    /// Waits until the command exits.
    pub(crate) fn status(&mut self) -> ExitStatus {
        let id = self.id();
        wait_until("the command's exit", EXIT_TIMEOUT, || self.child.try_wait().unwrap().ok_or(id))
    }

    /// Waits until the command exits. Returns the exit code, and the output that was not read yet.
    pub(crate) fn output(mut self) -> Output {
        let code = self.status().code().unwrap_or(-1);
        let (mut stdout, mut stderr) = (String::new(), String::new());
        if let Some(mut pipe) = self.stdout.take() {
            pipe.read_to_string(&mut stdout).unwrap();
        }
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        Output { code, stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _exited = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Output {
    /// Parses the JSON document in `stdout`.
    pub(crate) fn json(&self) -> Json {
        let json = serde_json::from_str(&self.stdout);
        assert!(json.is_ok(), "stdout is not JSON: {self:?}");
        json.unwrap()
    }
}

/// Creates a command that runs a program.
#[expect(clippy::disallowed_methods, reason = "the one place that starts programs")]
pub(crate) fn program(name: &str) -> Command {
    Command::new(name)
}

/// Reads a pipe to its end.
fn read(mut pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Runs `spanproof ARGS` in `folder`.
pub(crate) fn run(folder: impl AsRef<Path>, args: &[&str]) -> Output {
    Spanproof::new(folder, args).output()
}

/// Returns the script with a `PATH` in which `spanproof` is the binary under test.
fn with_binary(script: &str) -> String {
    let folder = Path::new(BINARY).parent().unwrap();
    format!("PATH='{}':$PATH; export PATH; {script}", folder.display())
}
