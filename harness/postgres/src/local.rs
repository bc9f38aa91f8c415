//! A server of our own, from binaries on this machine: a private socket, no durability.

use std::ffi::OsStr;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User};

use super::binaries::Binaries;
use super::copy::{Owner, free_bytes};
use super::prefix::Prefix;
use super::settings::QUICK;
use super::user::unprivileged;
use super::{Error, environment, log};
use spanproof_lease::finish;
use spanproof_lease::wait::nap;
use spanproof_lease::{Ending, Guard, Lease, Resource};

/// An immediate shutdown takes milliseconds; after this the server is killed.
const STOP: Duration = Duration::from_secs(5);
/// The memory file system.
const MEMORY: &str = "/dev/shm";
/// It is used when it has at least this much room.
const ROOM: u64 = 1024 * 1024 * 1024;
/// The server's log, in its folder.
pub(super) const LOG_FILE: &str = "server.log";
/// Bytes of the server's log that an error looks at.
const LOG: usize = 64 * 1024;

/// The settings beside [`QUICK`]: nobody else gets in, and the log is in the form that we read.
const PRIVATE: [&str; 4] =
    ["listen_addresses=", "lc_messages=C", "unix_socket_permissions=0700", log::LINE_PREFIX];

/// The arguments of `initdb`, but for the folder. The prefix is the role that owns everything.
pub(super) fn initdb_arguments(prefix: &Prefix) -> [&str; 7] {
    [
        "-U",
        prefix.as_str(),
        "--auth=trust",
        "--no-sync",
        "--locale=C",
        "--encoding=UTF8",
        // A cluster starts with one segment of the log: 1 MB in place of 16.
        "--wal-segsize=1",
    ]
}

/// The folder of a server: its data, its socket, its log. It goes when its last user has gone.
#[derive(Debug)]
pub(super) struct Home {
    lease: Option<Lease>,
    folder: PathBuf,
    binaries: Binaries,
    prefix: Prefix,
    user: Option<User>,
    /// Its removal is the reaper's: others use it, or a server has died in it.
    reaped: bool,
    /// Why the data are not in memory, when they are not.
    pub(super) note: Option<String>,
}

/// A running server in its home.
#[derive(Debug)]
pub(super) struct Local {
    // Stopped before its home goes.
    postmaster: Postmaster,
    home: Home,
}

/// The server's first process; dropping it is an immediate shutdown.
#[derive(Debug)]
struct Postmaster {
    child: Child,
    guard: Option<Guard>,
    /// Others use it as well: it stays.
    left: bool,
}

impl Home {
    pub(super) fn make(
        binaries: &Binaries,
        prefix: &Prefix,
        ending: Ending,
    ) -> Result<Self, Error> {
        let user = unprivileged()?;
        let (parent, note) = roomy();
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let folder = parent.join(format!("spanproof-postgres-{}", &unique[..12]));
        let lease = Lease::make_with(&folder, ending).map_err(Error::system(format!(
            "no folder for a disposable Postgres could be made in `{}`",
            parent.display()
        )))?;
        if let Some(user) = &user {
            let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
            std::os::unix::fs::chown(&folder, Some(uid), Some(gid)).map_err(Error::system(
                format!(
                    "a server can't run as root, and the data folder can't be given to `{}`; run \
                     as an ordinary user, who needs no other",
                    user.name
                ),
            ))?;
        }
        Ok(Self {
            lease: Some(lease),
            folder,
            binaries: binaries.clone(),
            prefix: prefix.clone(),
            user,
            reaped: false,
            note,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// Who owns the data.
    pub(super) fn owner(&self) -> Owner {
        self.user.as_ref().map(|user| (user.uid.as_raw(), user.gid.as_raw()))
    }

    /// Makes the data directory from nothing.
    pub(super) async fn initdb(&self) -> Result<(), Error> {
        let mut command = self.command("initdb");
        command.arg("-D").arg(self.data()).args(initdb_arguments(&self.prefix));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        // What it shares in memory goes with the data directory.
        let _guard = self.guard(&self.data())?;
        let output =
            finish(command).await.map_err(Error::system("`initdb` could not be started"))?;
        if output.status.success() {
            return Ok(());
        }
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::Program { program: "initdb".into(), reason })
    }

    /// A server that brings a copy of the data directory to the state of one that was shut down.
    pub(super) fn single(&self, data: &Path) -> Result<(Command, Guard), Error> {
        let mut command = self.command("postgres");
        command.arg("--single").arg("-D").arg(data);
        for setting in QUICK {
            command.args(["-c", setting]);
        }
        // It ends when there is nothing more to read.
        command.arg("postgres").stdout(Stdio::null()).stderr(Stdio::piped());
        Ok((command, self.guard(data)?))
    }

    fn guard(&self, data: &Path) -> Result<Guard, Error> {
        let lease = self.lease.as_ref().ok_or(Error::Closed)?;
        let guard = lease.guard(Resource::Server(data.to_owned()));
        guard.map_err(Error::system("the journal of the server's folder can't be written"))
    }

    #[expect(clippy::disallowed_methods, reason = "`postgres` starts programs")]
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.folder.join(program));
        command.env_clear().env("LC_ALL", "C").env("TZ", "UTC").stdin(Stdio::null());
        command.current_dir("/").process_group(0);
        if let Some(user) = &self.user {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command
    }

    fn postgres(&self) -> Result<Child, Error> {
        let failed = || Error::system("`postgres` could not be started");
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder().join(LOG_FILE))
            .map_err(failed())?;
        let errors = log.try_clone().map_err(failed())?;
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(self.folder());
        for setting in QUICK.iter().chain(&PRIVATE) {
            command.args([OsStr::new("-c"), OsStr::new(setting)]);
        }
        command.stdout(log).stderr(errors).spawn().map_err(failed())
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let gone = || !self.folder.exists();
        if self.reaped {
            self.lease = None;
            return;
        }
        // What was killed a moment ago may still end a write.
        let start = Instant::now();
        while std::fs::remove_dir_all(&self.folder).is_err() && !gone() {
            if start.elapsed() > STOP {
                return;
            }
            nap();
        }
    }
}

impl Local {
    /// Starts the server on the data directory of `home`; it may not let anybody in yet.
    pub(super) fn spawn(home: Home) -> Result<Self, Error> {
        let guard = home.guard(&home.data())?;
        let child = home.postgres()?;
        Ok(Self { postmaster: Postmaster { child, guard: Some(guard), left: false }, home })
    }

    pub(super) fn home(&self) -> &Home {
        &self.home
    }

    /// The URL of the maintenance database, over the private socket.
    pub(super) fn url(&self) -> String {
        let (role, folder) = (&self.home.prefix, self.home.folder().display());
        format!("postgres://{role}@localhost/postgres?host={folder}")
    }

    /// How it has ended, if it has.
    pub(super) fn ended(&mut self) -> Option<String> {
        let status = self.postmaster.child.try_wait().ok().flatten()?;
        Some(format!("ended with {status}"))
    }

    /// Stops at once, and everything goes.
    pub(super) fn stop(mut self) {
        let status = self.postmaster.stop(Signal::SIGQUIT);
        // Killed by somebody: a segment of shared memory is left, and the reaper knows which.
        self.home.reaped = status.is_none_or(|status| status.signal().is_some());
        let folder = self.home.folder.clone();
        let reaped = self.home.reaped;
        drop(self);
        let start = Instant::now();
        while reaped && folder.exists() && start.elapsed() < STOP {
            nap();
        }
    }

    /// Leaves the server running: it goes with its last user.
    pub(super) fn leave(mut self) {
        self.postmaster.left = true;
        // It stays in the journal.
        std::mem::forget(self.postmaster.guard.take());
        self.home.reaped = true;
    }

    /// Leaves the server running for good.
    pub(super) fn keep(&self) -> Result<(), Error> {
        let lease = self.home.lease.as_ref().ok_or(Error::Closed)?;
        lease.keep().map_err(Error::system("the server's folder can't be marked as kept"))
    }
}

impl Postmaster {
    fn stop(&mut self, how: Signal) -> Option<ExitStatus> {
        let id = i32::try_from(self.child.id()).map(Pid::from_raw);
        if let (Ok(id), Ok(None)) = (id, self.child.try_wait()) {
            let _sent = kill(id, how);
            let asked = Instant::now();
            while matches!(self.child.try_wait(), Ok(None)) && asked.elapsed() < STOP {
                nap();
            }
            let _killed = self.child.kill();
        }
        let status = self.child.wait().ok();
        if status.is_none_or(|status| status.signal().is_some()) {
            // It stays in the journal: its memory is still there.
            std::mem::forget(self.guard.take());
        }
        status
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        if !self.left {
            // SIGQUIT is Postgres's immediate shutdown: its children are ended, its memory freed.
            self.stop(Signal::SIGQUIT);
        }
    }
}

/// The last lines of the log of the server in `folder`, each indented on a new line.
pub(super) fn log(folder: &Path) -> String {
    let text = std::fs::read(folder.join(LOG_FILE)).unwrap_or_default();
    let text = String::from_utf8_lossy(&text[text.len().saturating_sub(LOG)..]);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(10);
    lines[from..].iter().map(|line| format!("\n    {line}")).collect()
}

/// The folder for data: in memory where there is room; otherwise with the reason.
fn roomy() -> (PathBuf, Option<String>) {
    let memory = Path::new(MEMORY);
    let free = free_bytes(memory);
    let writable = nix::unistd::access(memory, nix::unistd::AccessFlags::W_OK).is_ok();
    match unfit(free, writable) {
        None => (memory.to_owned(), None),
        Some(reason) => {
            let disk = environment::temporary();
            let note = format!("data on disk in {}: {MEMORY} {reason}", disk.display());
            (disk, Some(note))
        }
    }
}

/// Why data are not kept in memory, if they are not.
fn unfit(free: u64, writable: bool) -> Option<String> {
    let megabytes = |bytes: u64| bytes / (1024 * 1024);
    if !writable {
        return Some("can't be written to".to_owned());
    }
    let (free, wanted) = (megabytes(free), megabytes(ROOM));
    (free < wanted).then(|| format!("has {free} MB free, {wanted} are wanted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// They name the entries of every cache.
    #[test]
    fn the_arguments_of_initdb_are_those_of_every_version_before() {
        assert_eq!(
            initdb_arguments(&Prefix::default()).join(" "),
            "-U spanproof --auth=trust --no-sync --locale=C --encoding=UTF8 --wal-segsize=1"
        );
    }

    #[test]
    fn data_are_in_memory_only_where_there_is_room_that_can_be_written() {
        assert_eq!(unfit(ROOM, true), None);
        assert_eq!(unfit(ROOM, false).unwrap(), "can't be written to");
        let tiny = unfit(64 * 1024 * 1024, true).unwrap();
        assert_eq!(tiny, "has 64 MB free, 1024 are wanted");
    }
}
