//! A server of our own, from binaries on this machine: a private socket, no durability.

use std::ffi::OsStr;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User};
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use super::Error;
use super::binaries::Binaries;
use super::error::said;
use crate::program::finish;
use crate::reaper::{self, Guard, Thing};
use crate::wait::{self, Look, nap};

/// The role that owns everything on our own servers.
const ROLE: &str = "spanproof";
/// The users a root process runs the server as, in this order.
const USERS: [&str; 2] = ["postgres", "nobody"];
/// A server that is not up by then will not come up.
const START: Duration = Duration::from_secs(30);
/// An immediate shutdown takes milliseconds; after this the server is killed.
const STOP: Duration = Duration::from_secs(5);
/// A memory file system is used when it has at least this much room.
const ROOM: u64 = 1024 * 1024 * 1024;

/// Durability and background work are switched off: the data never outlive the run.
const SETTINGS: [&str; 17] = [
    "listen_addresses=",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=4GB",
    "checkpoint_timeout=1h",
    "autovacuum=off",
    "jit=off",
    "shared_buffers=64MB",
    "max_connections=300",
    "timezone=UTC",
    "log_timezone=UTC",
    "lc_messages=C",
    "unix_socket_permissions=0700",
    // In the data folder, so that nothing stays in /dev/shm after a SIGKILL.
    "dynamic_shared_memory_type=mmap",
];

/// A running server with its folder; both go when this is dropped.
#[derive(Debug)]
pub(super) struct Local {
    postmaster: Child,
    _guard: Option<Guard>,
    folder: Folder,
}

/// The server's folder; it goes when this is dropped.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    _guard: Guard,
}

impl Folder {
    /// Registers the folder, then makes it: nothing can end us in between.
    fn make() -> Result<Self, Error> {
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let path = roomy().join(format!("spanproof-postgres-{}", &unique[..12]));
        let folder = Self { _guard: guard(Thing::Folder(path.clone()))?, path };
        let made = std::fs::DirBuilder::new().mode(0o700).create(&folder.path);
        made.map_err(Error::system("no folder for a disposable Postgres could be made"))?;
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What was killed a moment ago may still end a write.
        let start = Instant::now();
        while std::fs::remove_dir_all(&self.path).is_err() && self.path.exists() {
            if start.elapsed() > STOP {
                return;
            }
            nap();
        }
    }
}

impl Local {
    #[expect(clippy::used_underscore_binding, reason = "the guard is held, not read")]
    /// Makes a data directory, starts a server in it and waits until a login works.
    pub(super) async fn start(binaries: &Binaries) -> Result<Self, Error> {
        let user = unprivileged()?;
        let folder = Folder::make()?;
        if let Some(user) = &user {
            std::os::unix::fs::chown(
                &folder.path,
                Some(user.uid.as_raw()),
                Some(user.gid.as_raw()),
            )
            .map_err(Error::system(format!("the data folder can't be given to `{}`", user.name)))?;
        }
        initdb(binaries, &folder.path, user.as_ref()).await?;
        let postmaster = spawn(binaries, &folder.path, user.as_ref())?;
        let mut local = Self { postmaster, _guard: None, folder };
        local._guard = Some(guard(Thing::Server(local.folder.path.join("data")))?);
        local.ready().await?;
        Ok(local)
    }

    fn path(&self) -> PathBuf {
        self.folder.path.clone()
    }

    /// The URL of the maintenance database, over the private socket.
    pub(super) fn url(&self) -> String {
        format!("postgres://{ROLE}@localhost/postgres?host={}", self.path().display())
    }

    /// The last lines of the server's own log, each indented on a new line.
    fn log(&self) -> String {
        let text = std::fs::read(self.path().join("server.log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(10);
        lines[from..].iter().map(|line| format!("\n    {line}")).collect()
    }

    async fn ready(&mut self) -> Result<(), Error> {
        let url = self.url();
        let options: PgConnectOptions = url.parse().map_err(Error::database("read its own URL"))?;
        let postmaster = &mut self.postmaster;
        let looked = wait::until("a login", START, || {
            let ended = postmaster.try_wait().ok().flatten();
            let options = options.clone();
            async move {
                if let Some(status) = ended {
                    return Look::Done(Err(format!("ended at once with {status}")));
                }
                match PgConnection::connect_with(&options).await {
                    Ok(connection) => {
                        drop(connection.close().await);
                        Look::Done(Ok(()))
                    }
                    Err(error) => Look::NotYet(said(&error)),
                }
            }
        })
        .await;
        let what = match looked {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(ended)) => ended,
            Err(overdue) => format!("did not come up: {overdue}"),
        };
        Err(Error::Server { folder: self.path(), what, log: self.log() })
    }

    fn stop(&mut self) {
        let id = i32::try_from(self.postmaster.id()).map(Pid::from_raw);
        if let (Ok(id), Ok(None)) = (id, self.postmaster.try_wait()) {
            // SIGQUIT is Postgres's immediate shutdown: its children are ended, its memory freed.
            let _sent = kill(id, Signal::SIGQUIT);
            let asked = Instant::now();
            while matches!(self.postmaster.try_wait(), Ok(None)) && asked.elapsed() < STOP {
                nap();
            }
            let _killed = self.postmaster.kill();
        }
        let _reaped = self.postmaster.wait();
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.stop();
    }
}

fn guard(thing: Thing) -> Result<Guard, Error> {
    reaper::guard(thing).map_err(Error::system("the reaper could not be started with `/bin/sh`"))
}

/// `/dev/shm` when it has room, the usual folder for temporary files otherwise.
fn roomy() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let free = nix::sys::statvfs::statvfs(memory)
        .map_or(0, |stat| stat.blocks_available() * stat.fragment_size());
    let writable = nix::unistd::access(memory, nix::unistd::AccessFlags::W_OK).is_ok();
    if free >= ROOM && writable { memory.to_owned() } else { std::env::temp_dir() }
}

/// The user to run the server as when we are root, which Postgres refuses to be.
fn unprivileged() -> Result<Option<User>, Error> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    let found = USERS.iter().find_map(|name| User::from_name(name).ok().flatten());
    match found {
        Some(user) => Ok(Some(user)),
        None => Err(Error::NoUser { tried: USERS.map(|name| format!("`{name}`")).join(", ") }),
    }
}

#[expect(clippy::disallowed_methods, reason = "`postgres` starts programs")]
fn command(binaries: &Binaries, program: &str, user: Option<&User>) -> Command {
    let mut command = Command::new(binaries.folder.join(program));
    command.env_clear().env("LC_ALL", "C").env("TZ", "UTC").stdin(Stdio::null());
    command.current_dir("/").process_group(0);
    if let Some(user) = user {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

async fn initdb(binaries: &Binaries, folder: &Path, user: Option<&User>) -> Result<(), Error> {
    let mut command = command(binaries, "initdb", user);
    command.arg("-D").arg(folder.join("data")).args(["-U", ROLE]);
    command.args(["--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8"]);
    command.arg("--wal-segsize=1");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = finish(command).await.map_err(Error::system("`initdb` could not be started"))?;
    if output.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Program { program: "initdb".into(), reason })
}

fn spawn(binaries: &Binaries, folder: &Path, user: Option<&User>) -> Result<Child, Error> {
    let failed = || Error::system("`postgres` could not be started");
    let log = std::fs::File::create(folder.join("server.log")).map_err(failed())?;
    let errors = log.try_clone().map_err(failed())?;
    let mut command = command(binaries, "postgres", user);
    command.arg("-D").arg(folder.join("data")).arg("-k").arg(folder);
    for setting in SETTINGS {
        command.args([OsStr::new("-c"), OsStr::new(setting)]);
    }
    command.stdout(log).stderr(errors).spawn().map_err(failed())
}
