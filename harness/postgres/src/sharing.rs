//! How the processes of one test run share a server.
//!
//! A record in the folder for temporary files names the server's folder. Whoever finds none, or one
//! that nobody looks after any more, starts a server under a lock and writes the record. The
//! server's reaper removes the record before it ends the server, and serves whoever was quicker.

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
use super::engine::{Engine, Running};
use super::options::Options;
use super::origin::Origin;
use super::run::Run;
use super::{Error, Source, environment};
use spanproof_lease::wait::{self, Look};
use spanproof_lease::{Ending, Lease, Resource};

/// How long another process may take to start the server.
const STARTING: Duration = Duration::from_mins(2);
/// How long the server may take to let one more in.
const LOGIN: Duration = Duration::from_secs(10);

/// A server, and whether other processes may use it.
#[derive(Debug)]
pub(super) struct SharedServer {
    pub(super) running: Running,
    pub(super) shared: bool,
}

/// The contents of the record, after the server's folder.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    url: String,
    // The name that the format has had from the start.
    #[serde(rename = "picked")]
    origin: Origin,
}

/// Joins the server of this run, or starts it.
pub(super) async fn join(options: &Options, run: &Run) -> Result<SharedServer, Error> {
    if matches!(options.source, Source::Url(_)) {
        // A given server is shared already.
        let running = Running::start(options, run, &Ending::default()).await?;
        return Ok(SharedServer { running, shared: false });
    }
    let place = environment::temporary().join(format!("{}-{}", options.prefix, name(options)));
    let record = place.with_extension("server");
    if let Some(server) = found(&record, run).await? {
        return Ok(server);
    }
    let _lock = lock(&place.with_extension("lock")).await?;
    if let Some(server) = found(&record, run).await? {
        return Ok(server);
    }
    let ending = Ending { record: Some(record.clone()), parent: runner() };
    let running = Running::start(options, run, &ending).await?;
    // Who joins clones at once.
    running.copying.end().await?;
    if let Some(folder) = running.engine.folder() {
        let written = write(&record, &folder, &running);
        written.map_err(Error::system(format!("`{}` can't be written", record.display())))?;
    }
    Ok(SharedServer { running, shared: true })
}

/// A name for all that must be the same: the user, the checkout, the wanted server, ourselves.
fn name(options: &Options) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let checkout = here
        .ancestors()
        .find(|folder| folder.join(".git").exists() || folder.join("Cargo.lock").exists());
    let kind = Options { migrations: None, ..options.clone() };
    cache::key(&[
        &Uid::effective().to_string(),
        &checkout.unwrap_or(&here).to_string_lossy(),
        &format!("{kind:?}"),
        env!("CARGO_PKG_VERSION"),
    ])
}

/// The test runner that started us: it starts further processes that want the same server.
fn runner() -> Option<u32> {
    let parent = environment::is_test_run().then(getppid);
    parent.and_then(|id| u32::try_from(id.as_raw()).ok())
}

/// The server that the record names, if it can still be joined.
async fn found(record: &Path, run: &Run) -> Result<Option<SharedServer>, Error> {
    let failed = || Error::system(format!("`{}` can't be used", record.display()));
    let Some((folder, Record { url, origin })) = read(record).map_err(failed())? else {
        return Ok(None);
    };
    let Some(lease) = Lease::join(&folder).map_err(failed())? else { return Ok(None) };
    // It may have ended between the two.
    if read(record).map_err(failed())?.is_none_or(|(again, _)| again != folder) {
        return Ok(None);
    }
    // A server that died under its users is not the one that was asked for.
    let Ok(admin) = Admin::connect(&url, run, LOGIN, || None).await else {
        let _gone = std::fs::remove_file(record);
        return Ok(None);
    };
    let running = Running::new(Engine::Joined(lease), admin, url, origin);
    Ok(Some(SharedServer { running, shared: true }))
}

/// The server's folder, and the rest of the record.
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

/// Appears whole, or not at all.
fn write(record: &Path, folder: &Path, running: &Running) -> io::Result<()> {
    let rest = Record { url: running.url.clone(), origin: running.origin.clone() };
    let text = format!("{}\n{}\n", folder.display(), serde_json::to_string(&rest)?);
    let new = folder.join("record");
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&new)?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    // The server's folder may be on another file system, where a rename can't reach.
    let beside = record.with_extension(uuid::Uuid::new_v4().simple().to_string());
    let _guard = spanproof_lease::guard(Resource::Folder(beside.clone()))?;
    std::fs::copy(&new, &beside)?;
    std::fs::rename(&beside, record)
}

/// Holds the lock; its file goes when this is dropped.
#[derive(Debug)]
struct Locked {
    path: PathBuf,
    _guard: spanproof_lease::Guard,
    _file: Flock<File>,
}

impl Drop for Locked {
    fn drop(&mut self) {
        // While it is still held: who waits for it sees that the file is not the path's any more.
        let _gone = std::fs::remove_file(&self.path);
    }
}

async fn lock(path: &Path) -> Result<Locked, Error> {
    let guard = spanproof_lease::guard(Resource::Folder(path.to_owned()))
        .map_err(Error::system("the reaper could not be started with `/bin/sh`"))?;
    let looked = wait::closely("the start of the server by another process", STARTING, || async {
        match attempt(path) {
            Ok(Some(file)) => Look::Done(Ok(file)),
            Ok(None) => Look::NotYet(format!("`{}` is locked", path.display())),
            Err(error) => Look::Done(Err(error)),
        }
    });
    match looked.await {
        Ok(Ok(file)) => Ok(Locked { path: path.to_owned(), _guard: guard, _file: file }),
        Ok(Err(error)) => {
            Err(Error::system(format!("`{}` can't be locked", path.display()))(error))
        }
        Err(overdue) => Err(Error::system("no shared server")(io::Error::other(overdue))),
    }
}

fn attempt(path: &Path) -> io::Result<Option<Flock<File>>> {
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(path)?;
    let Ok(file) = Flock::lock(file, FlockArg::LockExclusiveNonblock) else { return Ok(None) };
    // The one before us may have removed it meanwhile.
    let (ours, theirs) = (file.metadata()?, std::fs::metadata(path));
    let same = theirs.is_ok_and(|theirs| theirs.ino() == ours.ino() && theirs.dev() == ours.dev());
    Ok(same.then_some(file))
}
