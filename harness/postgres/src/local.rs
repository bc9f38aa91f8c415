//! A server started from binaries on this machine: on a private socket, without durability.

use std::ffi::OsStr;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User};

use super::admin::Admin;
use super::binaries::Binaries;
use super::copy::{Owner, free_bytes};
use super::prefix::Prefix;
use super::settings::FAST;
use super::user::server_user;
use super::{Error, environment, log};
use spanproof_lease::wait::block_until;
use spanproof_lease::{Guard, Lease, LeaseOptions, Reservation, Resource, output};

/// Time for an immediate shutdown, which normally takes milliseconds. Postgres itself kills its
/// children after 5 s and then frees its memory. So this process waits longer than 5 s before it
/// kills the server.
const STOP_TIMEOUT: Duration = Duration::from_secs(7);
/// The memory file system.
const MEMORY: &str = "/dev/shm";
/// Free bytes that the memory file system must have to be used.
const MIN_MEMORY: u64 = 1024 * 1024 * 1024;
/// The server's log, in its folder.
pub(super) const LOG_FILE: &str = "server.log";
/// Bytes read from the end of the server's log for an error.
const LOG_TAIL: usize = 64 * 1024;

/// The settings besides [`FAST`]: access for our user only, and the log in the format that this
/// crate parses.
const PRIVATE: [&str; 4] =
    ["listen_addresses=", "lc_messages=C", "unix_socket_permissions=0700", log::LINE_PREFIX];

/// Returns the arguments of `initdb`, without the data directory. The name of the superuser is the
/// prefix.
pub(super) fn initdb_arguments(prefix: &Prefix) -> [&str; 7] {
    [
        "-U",
        prefix.as_str(),
        "--auth=trust",
        "--no-sync",
        "--locale=C",
        "--encoding=UTF8",
        // A new cluster has one segment of the write-ahead log: 1 MB instead of 16 MB.
        "--wal-segsize=1",
    ]
}

/// The folder of a server, with its data directory, socket and log. It is removed when the last
/// process that uses the server has ended.
#[derive(Debug)]
pub(super) struct ServerFolder {
    lease: Option<Lease>,
    path: PathBuf,
    binaries: Binaries,
    prefix: Prefix,
    user: Option<User>,
    /// Whether the reaper, a separate process, removes the folder: because other processes use it,
    /// or because the server was killed.
    left_to_reaper: bool,
    /// Why the data is on disk; `None` if it is in memory.
    pub(super) note: Option<String>,
    /// The TCP port; `None` for a server with a socket only.
    port: Option<Reservation>,
}

/// A running server. Dropping it is an immediate shutdown, before the folder is removed.
#[derive(Debug)]
pub(super) struct LocalServer {
    postmaster: Postmaster,
    folder: ServerFolder,
    /// The password for TCP; `None` for a server with a socket only.
    password: Option<String>,
}

/// The server's first process.
#[derive(Debug)]
struct Postmaster {
    child: Child,
    guard: Option<Guard>,
    /// Whether dropping the server leaves it running.
    left_running: bool,
}

impl ServerFolder {
    /// Creates the folder in memory, or on disk if there is not enough memory.
    pub(super) fn create(
        binaries: &Binaries,
        prefix: &Prefix,
        lease: LeaseOptions,
        tcp: bool,
    ) -> Result<Self, Error> {
        let user = server_user()?;
        let reserved = tcp.then(Reservation::new).transpose();
        let port = reserved.map_err(Error::system("could not reserve a TCP port"))?;
        let (parent, note) = parent_folder();
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let path = parent.join(format!("spanproof-postgres-{}", &unique[..12]));
        let lease = Lease::create_with(&path, lease).map_err(Error::system(format!(
            "could not create a folder for a disposable Postgres in `{}`",
            parent.display()
        )))?;
        if let Some(user) = &user {
            let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
            std::os::unix::fs::chown(&path, Some(uid), Some(gid)).map_err(Error::system(format!(
                "Postgres refuses to run as root, and the owner of its folder can't be changed to `{}`; \
                 run as an ordinary user",
                user.name
            )))?;
        }
        Ok(Self {
            lease: Some(lease),
            path,
            binaries: binaries.clone(),
            prefix: prefix.clone(),
            user,
            left_to_reaper: false,
            note,
            port,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the data directory.
    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// Returns the owner of the data directory.
    pub(super) fn owner(&self) -> Owner {
        self.user.as_ref().map(|user| (user.uid.as_raw(), user.gid.as_raw()))
    }

    /// Creates the data directory from scratch.
    pub(super) async fn initdb(&self) -> Result<(), Error> {
        let mut command = self.command("initdb");
        command.arg("-D").arg(self.data()).args(initdb_arguments(&self.prefix));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        // `initdb` runs servers that have shared memory.
        let _guard = self.guard(&self.data())?;
        let output = output(command).await.map_err(Error::system("could not start `initdb`"))?;
        if output.status.success() {
            return Ok(());
        }
        let errors = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        // A program that a signal killed prints nothing.
        let reason = if errors.is_empty() { output.status.to_string() } else { errors };
        Err(Error::Program { program: "initdb".into(), reason })
    }

    /// Returns the command of a single-user server, which brings a copy of the data directory to the
    /// state after a clean shutdown, and a guard that stops the server if this process is killed.
    pub(super) fn single_user_server(&self, data: &Path) -> Result<(Command, Guard), Error> {
        let mut command = self.command("postgres");
        command.arg("--single").arg("-D").arg(data);
        for setting in FAST {
            command.args(["-c", setting]);
        }
        // The standard input of the server is empty, so the server shuts down at once.
        command.arg("postgres").stdout(Stdio::null()).stderr(Stdio::piped());
        Ok((command, self.guard(data)?))
    }

    /// Returns a guard that lets the reaper stop the server on `data` if this process is killed.
    fn guard(&self, data: &Path) -> Result<Guard, Error> {
        let lease = self.lease.as_ref().ok_or(Error::Closed)?;
        let guard = lease.guard(Resource::Server(data.to_owned()));
        guard.map_err(Error::system("could not register the server for removal"))
    }

    #[expect(clippy::disallowed_methods, reason = "this crate starts programs")]
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.folder.join(program));
        command.env_clear().env("LC_ALL", "C").env("TZ", "UTC").stdin(Stdio::null());
        command.current_dir("/").process_group(0);
        if let Some(user) = &self.user {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command
    }

    /// Writes `pg_hba.conf`: a login over the socket needs no password, since only our user can open the
    /// socket; a login over TCP needs the password.
    fn write_login_rules(&self) -> std::io::Result<PathBuf> {
        let path = self.path.join("pg_hba.conf");
        let rules = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(&path, rules)?;
        if let Some((uid, gid)) = self.owner() {
            std::os::unix::fs::chown(&path, Some(uid), Some(gid))?;
        }
        Ok(path)
    }

    fn spawn_postmaster(&self) -> Result<Child, Error> {
        let failed = || Error::system("could not start `postgres`");
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.path.join(LOG_FILE))
            .map_err(failed())?;
        let errors = log.try_clone().map_err(failed())?;
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(&self.path);
        for setting in FAST.iter().chain(&PRIVATE) {
            command.args([OsStr::new("-c"), OsStr::new(setting)]);
        }
        if let Some(port) = &self.port {
            let rules = self.write_login_rules().map_err(failed())?;
            let settings = [
                "listen_addresses=127.0.0.1".to_owned(),
                format!("port={}", port.port()),
                format!("hba_file={}", rules.display()),
            ];
            for setting in &settings {
                command.args(["-c", setting]);
            }
        }
        command.stdout(log).stderr(errors).spawn().map_err(failed())
    }
}

impl Drop for ServerFolder {
    fn drop(&mut self) {
        if self.left_to_reaper {
            self.lease = None;
            return;
        }
        // The removal is tried again, because a process that was just killed may still finish a
        // write.
        let removed = || std::fs::remove_dir_all(&self.path).is_ok() || !self.path.exists();
        block_until(STOP_TIMEOUT, removed);
    }
}

impl LocalServer {
    /// Starts the server on the data directory in `folder`. It may not accept connections yet.
    pub(super) fn spawn(folder: ServerFolder) -> Result<Self, Error> {
        let guard = folder.guard(&folder.data())?;
        let child = folder.spawn_postmaster()?;
        let postmaster = Postmaster { child, guard: Some(guard), left_running: false };
        Ok(Self { postmaster, folder, password: None })
    }

    pub(super) fn folder(&self) -> &ServerFolder {
        &self.folder
    }

    /// Returns the URL of the database `postgres`, over the private socket.
    pub(super) fn url(&self) -> String {
        let (role, folder) = (&self.folder.prefix, self.folder.path.display());
        let port = self.folder.port.as_ref().map_or(5432, Reservation::port);
        // The URL has a port, so that the driver does not take the port from `PGPORT`.
        format!("postgres://{role}@localhost:{port}/postgres?host={folder}")
    }

    /// Generates and sets the password for TCP, if the server has a port.
    pub(super) async fn set_password(&mut self, admin: &Admin) -> Result<(), Error> {
        if self.folder.port.is_none() {
            return Ok(());
        }
        let password = uuid::Uuid::new_v4().simple().to_string();
        admin.set_password(self.folder.prefix.as_str(), &password).await?;
        self.password = Some(password);
        Ok(())
    }

    /// Returns the URL of the database `postgres` for the caller of this crate: over TCP if there is a
    /// port, otherwise over the private socket.
    pub(super) fn user_url(&self) -> String {
        match (&self.folder.port, &self.password) {
            (Some(port), Some(password)) => {
                let (role, port) = (&self.folder.prefix, port.port());
                format!("postgres://{role}:{password}@127.0.0.1:{port}/postgres")
            }
            _ => self.url(),
        }
    }

    /// Returns how the server ended; `None` if it runs.
    pub(super) fn exit(&mut self) -> Option<String> {
        let status = self.postmaster.child.try_wait().ok().flatten()?;
        Some(format!("ended with {status}"))
    }

    /// Stops the server at once and removes its folder.
    pub(super) fn stop(mut self) {
        let was_killed = self.shut_down();
        let path = self.folder.path.clone();
        drop(self);
        if was_killed {
            block_until(STOP_TIMEOUT, || !path.exists());
        }
    }

    /// Stops the server at once. Returns whether it had to be killed: a killed server leaves a segment
    /// of shared memory, which the reaper removes together with the folder that names the segment.
    fn shut_down(&mut self) -> bool {
        let status = self.postmaster.stop();
        let was_killed = status.is_none_or(|status| status.signal().is_some());
        self.folder.left_to_reaper |= was_killed;
        was_killed
    }

    /// Leaves the server running. It stops when the last process that uses it has ended.
    pub(super) fn leave_running(mut self) {
        self.postmaster.left_running = true;
        // The server stays registered with the reaper.
        std::mem::forget(self.postmaster.guard.take());
        self.folder.left_to_reaper = true;
    }

    /// Keeps the server running after the last process that uses it has ended.
    pub(super) fn keep(&self) -> Result<(), Error> {
        let lease = self.folder.lease.as_ref().ok_or(Error::Closed)?;
        lease.keep().map_err(Error::system("could not mark the server's folder as kept"))
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        if !self.postmaster.left_running {
            self.shut_down();
        }
    }
}

impl Postmaster {
    /// Sends SIGQUIT, Postgres's immediate shutdown: the server ends its children and frees its shared
    /// memory. Kills the server if that takes too long. Returns its exit status.
    fn stop(&mut self) -> Option<ExitStatus> {
        let id = i32::try_from(self.child.id()).map(Pid::from_raw);
        if let (Ok(id), Ok(None)) = (id, self.child.try_wait()) {
            let _sent = kill(id, Signal::SIGQUIT);
            block_until(STOP_TIMEOUT, || !matches!(self.child.try_wait(), Ok(None)));
            let _killed = self.child.kill();
        }
        let status = self.child.wait().ok();
        if status.is_none_or(|status| status.signal().is_some()) {
            // The server stays registered with the reaper, since its shared memory still exists.
            std::mem::forget(self.guard.take());
        }
        status
    }
}

/// Returns the last lines of the log of the server in `folder`, each on an indented line.
pub(super) fn last_log_lines(folder: &Path) -> String {
    let text = std::fs::read(folder.join(LOG_FILE)).unwrap_or_default();
    let text = String::from_utf8_lossy(&text[text.len().saturating_sub(LOG_TAIL)..]);
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(10);
    lines[first..].iter().map(|line| format!("\n    {line}")).collect()
}

/// Returns the folder for servers: in memory, or on disk with the reason why it is not in memory.
fn parent_folder() -> (PathBuf, Option<String>) {
    let memory = Path::new(MEMORY);
    let free = free_bytes(memory);
    let is_writable = nix::unistd::access(memory, nix::unistd::AccessFlags::W_OK).is_ok();
    match why_not_in_memory(free, is_writable) {
        None => (memory.to_owned(), None),
        Some(reason) => {
            let disk = environment::temporary();
            let note = format!("data on disk in {}: {MEMORY} {reason}", disk.display());
            (disk, Some(note))
        }
    }
}

/// Returns why data can't be kept in memory; `None` if it can.
fn why_not_in_memory(free: u64, is_writable: bool) -> Option<String> {
    let megabytes = |bytes: u64| bytes / (1024 * 1024);
    if !is_writable {
        return Some("can't be written to".to_owned());
    }
    let (free, needed) = (megabytes(free), megabytes(MIN_MEMORY));
    (free < needed).then(|| format!("has {free} MB free, {needed} MB are needed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file in the folder names the segment of shared memory, so the folder must not be removed
    /// before the segment.
    #[tokio::test]
    async fn a_dropped_server_that_hangs_leaves_no_shared_memory() {
        let options = crate::Options::default();
        let binaries = Binaries::find(&options).unwrap();
        let lease = LeaseOptions::default();
        let folder = ServerFolder::create(&binaries, &options.prefix, lease, false).unwrap();
        folder.initdb().await.unwrap();
        let server = LocalServer::spawn(folder).unwrap();
        let (id, path) = (server.postmaster.child.id(), server.folder.path.clone());
        let lock_file = server.folder.data().join("postmaster.pid");
        let mut segment = None;
        let limit = Duration::from_secs(30);
        let is_locked = block_until(limit, || {
            let text = std::fs::read_to_string(&lock_file).unwrap_or_default();
            let line = text.lines().nth(6).and_then(|line| line.split_whitespace().last());
            segment = line.map(str::to_owned);
            segment.is_some() && text.lines().nth(7).is_some_and(|line| line.trim() == "ready")
        });
        assert!(is_locked, "{}", last_log_lines(&path));
        let has_segment = || {
            let segments = std::fs::read_to_string("/proc/sysvipc/shm").unwrap();
            segments.lines().any(|line| line.split_whitespace().nth(1) == segment.as_deref())
        };
        assert!(has_segment());
        kill(Pid::from_raw(i32::try_from(id).unwrap()), Signal::SIGSTOP).unwrap();
        drop(server);
        assert!(block_until(limit, || !has_segment() && !path.exists()), "{segment:?}");
    }

    /// The arguments are hashed into the names of cached data directories. After a change, no cached
    /// directory of an earlier version would be used.
    #[test]
    fn the_arguments_of_initdb_never_change() {
        assert_eq!(
            initdb_arguments(&Prefix::default()).join(" "),
            "-U spanproof --auth=trust --no-sync --locale=C --encoding=UTF8 --wal-segsize=1"
        );
    }

    #[test]
    fn data_is_in_memory_if_dev_shm_is_writable_and_large_enough() {
        assert_eq!(why_not_in_memory(MIN_MEMORY, true), None);
        assert_eq!(why_not_in_memory(MIN_MEMORY, false).unwrap(), "can't be written to");
        let small = why_not_in_memory(64 * 1024 * 1024, true).unwrap();
        assert_eq!(small, "has 64 MB free, 1024 MB are needed");
    }
}
