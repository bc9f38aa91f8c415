//! Runs a command in its own process group. The group is killed when the caller drops the future,
//! and when this process dies.

use std::os::unix::process::CommandExt;
use std::process::{Command, Output};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;

use crate::{Guard, Resource, guard, input};

/// Longest wait for a killed program, which normally ends within milliseconds.
const KILL_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs `command` with an empty standard input in its own process group. Returns the exit status,
/// and the output of the streams that `command` pipes. Dropping the future kills the whole group.
///
/// # Errors
/// If the command can't be started, guarded or waited for.
///
/// # Panics
/// Outside a tokio runtime with I/O.
pub async fn output(mut command: Command) -> std::io::Result<Output> {
    command.stdin(input()?).process_group(0);
    let mut running = RunningCommand::start(command)?;
    let (stdout, stderr) = (running.child.stdout.take(), running.child.stderr.take());
    let (stdout, stderr, status) =
        tokio::try_join!(read_all(stdout), read_all(stderr), running.child.wait())?;
    Ok(Output { status, stdout, stderr })
}

async fn read_all(stream: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        stream.read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// A running command. Dropping it kills the process group, unless the command has ended.
#[derive(Debug)]
struct RunningCommand {
    child: Child,
    _guard: Option<Guard>,
}

impl RunningCommand {
    #[expect(clippy::used_underscore_binding, reason = "the guard is stored, not read")]
    fn start(command: Command) -> std::io::Result<Self> {
        let child = tokio::process::Command::from(command).spawn()?;
        let mut running = Self { child, _guard: None };
        if let Some(id) = running.child.id() {
            running._guard = Some(guard(Resource::Group(id))?);
        }
        Ok(running)
    }
}

impl Drop for RunningCommand {
    fn drop(&mut self) {
        // A child without an id has been reaped, and its former id may belong to another group.
        let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) else { return };
        let _sent = killpg(Pid::from_raw(id), Signal::SIGKILL);
        crate::wait::block_until(KILL_TIMEOUT, || !matches!(self.child.try_wait(), Ok(None)));
    }
}
