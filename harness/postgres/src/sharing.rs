//! How processes of one test run share a server.
//!
//! A record in the folder for temporary files has the path of the server's folder. If a process
//! finds no record, or the record of a server that has stopped, it takes a lock, starts a server
//! and writes the record. Each process that uses the server joins the lease of the server's folder: as
//! long as one of these processes lives, the server runs. When the last of them has ended, the server's
//! reaper, a process of its own, removes the record, waits for processes that have joined in the
//! meantime, and then stops the server.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{Uid, getppid};
use serde::{Deserialize, Serialize};

use super::admin::Admin;
use super::cache;
use super::engine::{Engine, RunningServer};
use super::options::Options;
use super::origin::Origin;
use super::run::Run;
use super::{Error, Source, environment};
use spanproof_lease::wait::{self, Attempt};
use spanproof_lease::{Lease, LeaseOptions, Resource};

/// Time for another process to start the server.
const START_TIMEOUT: Duration = Duration::from_mins(2);
/// Time for a shared server to accept a connection.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(10);

/// A server, and whether other processes may use it.
#[derive(Debug)]
pub(super) struct SharedServer {
    pub(super) running: RunningServer,
    pub(super) shared: bool,
}

/// The second line of the record, as JSON. The first line is the server's folder.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    url: String,
    // Other versions of this crate read this name, too.
    #[serde(rename = "picked")]
    origin: Origin,
}

/// Joins the shared server of this test run, or starts it.
pub(super) async fn join(options: &Options, run: &Run) -> Result<SharedServer, Error> {
    if matches!(options.source, Source::Url(_)) {
        // Each process connects to an existing server by itself.
        let running = RunningServer::start(options, run, &LeaseOptions::default()).await?;
        return Ok(SharedServer { running, shared: false });
    }
    let path = environment::temporary().join(format!("{}-{}", options.prefix, name(options)));
    let record = path.with_extension("server");
    if let Some(server) = join_recorded(&record, run).await? {
        return Ok(server);
    }
    let _lock = lock(&path.with_extension("lock")).await?;
    if let Some(server) = join_recorded(&record, run).await? {
        return Ok(server);
    }
    let lease = LeaseOptions { record: Some(record.clone()), parent: test_runner() };
    let running = RunningServer::start(options, run, &lease).await?;
    // A process may clone a template as soon as it reads the record. So the templates are complete before
    // the record is written.
    running.copying.wait().await?;
    if let Some(folder) = running.engine.folder() {
        let written = write(&record, &folder, &running);
        written.map_err(Error::system(format!("could not write `{}`", record.display())))?;
    }
    Ok(SharedServer { running, shared: true })
}

/// Returns a hash of the user, the checkout, the options and the version of this crate. Processes with the
/// same hash share a server.
fn name(options: &Options) -> String {
    let current = std::env::current_dir().unwrap_or_default();
    let checkout = current
        .ancestors()
        .find(|folder| folder.join(".git").exists() || folder.join("Cargo.lock").exists());
    let options = Options { migrations: None, ..options.clone() };
    cache::key(&[
        &Uid::effective().to_string(),
        &checkout.unwrap_or(&current).to_string_lossy(),
        &format!("{options:?}"),
        env!("CARGO_PKG_VERSION"),
    ])
}

/// Returns the id of the test runner that started this process; `None` if there is none. A test
/// runner may start other processes that use the same server.
fn test_runner() -> Option<u32> {
    let parent = environment::is_test_run().then(getppid);
    parent.and_then(|id| u32::try_from(id.as_raw()).ok())
}

/// Joins the server of the record; `None` if there is no record or its server has stopped.
async fn join_recorded(record: &Path, run: &Run) -> Result<Option<SharedServer>, Error> {
    let failed = || Error::system(format!("could not use `{}`", record.display()));
    let Some((folder, Record { url, origin })) = read(record).map_err(failed())? else {
        return Ok(None);
    };
    let Some(lease) = Lease::join(&folder).map_err(failed())? else { return Ok(None) };
    // The lease may have ended after the record was read.
    if read(record).map_err(failed())?.is_none_or(|(current, _)| current != folder) {
        return Ok(None);
    }
    // A server may have died although its lease still exists.
    let Ok(admin) = Admin::connect(&url, run, LOGIN_TIMEOUT, || None).await else {
        let _removed = std::fs::remove_file(record);
        return Ok(None);
    };
    let running = RunningServer::new(Engine::Joined(lease), admin, url, origin);
    Ok(Some(SharedServer { running, shared: true }))
}

/// Reads a record: the server's folder and the JSON; `None` if there is no valid record.
fn read(record: &Path) -> io::Result<Option<(PathBuf, Record)>> {
    let owner = match std::fs::symlink_metadata(record) {
        Ok(metadata) => metadata.uid(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if owner != Uid::effective().as_raw() {
        return Err(io::Error::other(format!("it belongs to another user ({owner}); remove it")));
    }
    let text = match std::fs::read_to_string(record) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    let parsed = text
        .split_once('\n')
        .and_then(|(folder, rest)| Some((PathBuf::from(folder), serde_json::from_str(rest).ok()?)));
    Ok(parsed)
}

/// Writes a record. The file appears by a rename, so that no process reads a part of it.
fn write(record: &Path, folder: &Path, running: &RunningServer) -> io::Result<()> {
    let contents = Record { url: running.url.clone(), origin: running.origin.clone() };
    let text = format!("{}\n{}\n", folder.display(), serde_json::to_string(&contents)?);
    let new = folder.join("record");
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&new)?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    // The server's folder may be on another file system, but a rename works only within one. So the
    // file is first copied to a name beside the record.
    let beside = record.with_extension(uuid::Uuid::new_v4().simple().to_string());
    let _guard = spanproof_lease::guard(Resource::Folder(beside.clone()))?;
    std::fs::copy(&new, &beside)?;
    std::fs::rename(&beside, record)
}

/// The lock that a process holds while it starts the server. Dropping it removes the lock file and
/// releases the lock.
#[derive(Debug)]
struct StartLock {
    path: PathBuf,
    _guard: spanproof_lease::Guard,
    _file: Flock<File>,
}

impl Drop for StartLock {
    fn drop(&mut self) {
        // The file is removed before the lock is released. So a waiting process sees that it has
        // locked a removed file.
        let _removed = std::fs::remove_file(&self.path);
    }
}

async fn lock(path: &Path) -> Result<StartLock, Error> {
    let guard = spanproof_lease::guard(Resource::Folder(path.to_owned()))
        .map_err(Error::system("could not start the reaper with `/bin/sh`"))?;
    let locked =
        wait::until_soon("the start of the server by another process", START_TIMEOUT, || async {
            match try_lock(path) {
                Ok(Some(file)) => Attempt::Done(Ok(file)),
                Ok(None) => Attempt::NotYet(format!("`{}` is locked", path.display())),
                Err(error) => Attempt::Done(Err(error)),
            }
        });
    match locked.await {
        Ok(Ok(file)) => Ok(StartLock { path: path.to_owned(), _guard: guard, _file: file }),
        Ok(Err(error)) => Err(Error::system(format!("could not lock `{}`", path.display()))(error)),
        Err(timeout) => Err(Error::system("no shared server")(io::Error::other(timeout))),
    }
}

fn try_lock(path: &Path) -> io::Result<Option<Flock<File>>> {
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(path)?;
    let Ok(file) = Flock::lock(file, FlockArg::LockExclusiveNonblock) else { return Ok(None) };
    // The previous process may have removed the file that we have locked.
    let (locked, current) = (file.metadata()?, std::fs::metadata(path));
    let is_current =
        current.is_ok_and(|current| current.ino() == locked.ino() && current.dev() == locked.dev());
    Ok(is_current.then_some(file))
}
