//! A command that is run to its end, in a process group of its own: nothing of it outlives the
//! wait for it, whether that ends, is given up, or is cut off by the death of this process.

use std::os::unix::process::CommandExt;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;

use crate::{Guard, Resource, guard};

/// A killed program is gone in milliseconds; it is not waited for any longer than this.
const DYING: Duration = Duration::from_secs(2);

/// Runs `command` to its end, in a process group of its own, and returns its exit status and the
/// output of the streams that it has piped. Dropping the future kills the whole group.
///
/// # Errors
/// When the command can't be started, guarded or waited for. Outside of a tokio runtime with I/O
/// this panics.
pub async fn finish(mut command: Command) -> std::io::Result<Output> {
    command.process_group(0);
    let mut running = Running::start(command)?;
    let (stdout, stderr) = (running.child.stdout.take(), running.child.stderr.take());
    let (stdout, stderr, status) =
        tokio::try_join!(all(stdout), all(stderr), running.child.wait())?;
    Ok(Output { status, stdout, stderr })
}

async fn all(stream: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        stream.read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// A running command; its group is killed when this is dropped before it has ended.
#[derive(Debug)]
struct Running {
    child: Child,
    _guard: Option<Guard>,
}

impl Running {
    #[expect(clippy::used_underscore_binding, reason = "the guard is held, not read")]
    fn start(command: Command) -> std::io::Result<Self> {
        let child = tokio::process::Command::from(command).spawn()?;
        let mut running = Self { child, _guard: None };
        if let Some(id) = running.child.id() {
            running._guard = Some(guard(Resource::Group(id))?);
        }
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // No id: it has ended and was waited for, so its group may be another's by now.
        let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) else { return };
        let _sent = killpg(Pid::from_raw(id), Signal::SIGKILL);
        let killed = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && killed.elapsed() < DYING {
            crate::wait::nap();
        }
    }
}
