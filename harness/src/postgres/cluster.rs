//! A data directory for a server: from the cache, or from nothing and then into the cache.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::background::Background;
use super::binaries::Binaries;
use super::cache::{self, Cache, Entry};
use super::copy::Listing;
use super::local::{Home, INITDB, Local};
use super::login::{self, Login, Run};
use super::{Error, Migrations, database, given};
use crate::reaper::Ending;

/// A server that is not up by then will not come up.
const START: Duration = Duration::from_secs(30);

/// What a data directory is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recipe<'a> {
    pub(super) binaries: &'a Binaries,
    /// Applied once, into a template that is there from the start.
    pub(super) migrations: Option<&'a Migrations>,
    /// Where to look before, and to put it then; `None` makes it from nothing.
    pub(super) cache: Option<&'a Cache>,
}

/// A server that was started, and our connections to it.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) local: Local,
    pub(super) login: Login,
    /// Its templates: nothing can be cloned before they are there.
    pub(super) copying: Background,
    /// Its way into the cache.
    pub(super) storing: Background,
    /// What is to be told about it.
    pub(super) notes: Vec<String>,
}

/// The template of migrations with this fingerprint.
pub(super) fn template(fingerprint: &str) -> String {
    format!("spanproof_template_{fingerprint}")
}

/// A clone of the template that is in the data directory from the start.
pub(super) fn ready(fingerprint: &str) -> String {
    format!("spanproof_ready_{fingerprint}")
}

impl Recipe<'_> {
    /// Starts a server on a data directory made by this recipe.
    pub(super) async fn start(self, run: &Run, ending: Ending) -> Result<Started, Error> {
        let mut home = Home::make(self.binaries, ending.clone())?;
        let mut notes: Vec<String> = home.note.clone().into_iter().collect();
        let Some(cache) = self.cache else {
            home.initdb().await?;
            let mut started = up(home, run).await?;
            started.notes = notes;
            return Ok(started);
        };
        let key = self.key();
        if let Some(entry) = cache.get(&key) {
            match copied(home, entry, run).await {
                Ok(started) => return Ok(Started { notes, ..started }),
                Err(error) => {
                    let _gone = cache.remove(&key);
                    notes.push(format!("made anew: what was cached is no good: {error}"));
                }
            }
            home = Home::make(self.binaries, ending)?;
        }
        let (home, label, templates) = self.made(home, run).await?;
        let storing = match cache.put(&key, &label, &home.data(), templates) {
            Ok(storing) => Background::of("nothing is cached", || storing.end()),
            Err(error) => {
                let folder = cache.folder().display();
                notes.push(format!("nothing is cached: {folder} can't be written to: {error}"));
                Background::none()
            }
        };
        Ok(Started { storing, notes, ..up(home, run).await? })
    }

    fn key(&self) -> String {
        let folder = self.binaries.folder.to_string_lossy();
        let migrations = self.migrations.map(Migrations::fingerprint).unwrap_or_default();
        cache::key(&[&folder, &self.binaries.text, &INITDB.join(" "), &migrations])
    }

    /// A data directory made from nothing, what is in it in words, and the folders of the
    /// databases that are cloned only.
    async fn made(&self, home: Home, run: &Run) -> Result<(Home, String, Vec<PathBuf>), Error> {
        home.initdb().await?;
        let label = self.binaries.text.clone();
        let Some(migrations) = self.migrations else { return Ok((home, label, Vec::new())) };
        let Started { local, login, .. } = up(home, run).await?;
        let templates = bake(&local.url(), &login, migrations).await?;
        login.pool.close().await;
        let home = local.shut_down();
        strip(&home.data()).map_err(Error::system("the data directory can't be slimmed"))?;
        let folder = migrations.folder().display();
        Ok((home, format!("{label} with {} migrations of {folder}", migrations.count()), templates))
    }
}

/// The server starts while its databases are still being copied: until somebody logs in it looks
/// at their folders only.
async fn copied(home: Home, entry: Entry, run: &Run) -> Result<Started, Error> {
    let failed = || Error::system("it can't be copied");
    let rest = entry.begin(&home.data(), home.owner()).map_err(failed())?;
    let soon = tokio::task::spawn_blocking(|| rest.soon());
    let local = Local::spawn(home);
    let soon = soon.await.unwrap_or_else(|panic| Err(std::io::Error::other(panic)));
    let (local, rest) = (local?, soon.map_err(failed())?);
    let copying = Background::of("the cached databases can't be copied", || rest.end());
    Ok(Started { copying, ..open(local, run).await? })
}

/// Starts the server in `home` and logs in.
async fn up(home: Home, run: &Run) -> Result<Started, Error> {
    open(Local::spawn(home)?, run).await
}

async fn open(mut local: Local, run: &Run) -> Result<Started, Error> {
    let url = local.url();
    match login::enter(&url, run, START, || local.ended()).await {
        Ok(login) => {
            let (copying, storing) = (Background::none(), Background::none());
            Ok(Started { local, login, copying, storing, notes: Vec::new() })
        }
        Err(error) => {
            let what = match error {
                Error::Login { reason, .. } => format!("did not come up: {reason}"),
                other => other.to_string(),
            };
            let folder = local.home().folder().to_owned();
            let log = super::local::log(&folder);
            Err(Error::Server { folder, what, log })
        }
    }
}

/// Makes the template and a first clone of it; gives the folders of all databases that are cloned
/// only.
async fn bake(url: &str, login: &Login, migrations: &Migrations) -> Result<Vec<PathBuf>, Error> {
    let fingerprint = migrations.fingerprint();
    let (template, ready) = (template(&fingerprint), ready(&fingerprint));
    database::create(login, &template, "template0").await?;
    migrations.apply(&given::with_database(url, &template)?).await?;
    database::create(login, &ready, &template).await?;
    let sql = "select 'base/' || oid from pg_database where datistemplate or datname = $1";
    let folders = sqlx::query_scalar::<_, String>(sql).bind(&template).fetch_all(&login.pool).await;
    let folders = folders.map_err(Error::database("look for the databases' folders"))?;
    Ok(folders.into_iter().map(PathBuf::from).collect())
}

/// Removes the maps of free and of visible pages from the databases of a stopped server, a fifth of
/// the files of each clone. The server does without them where they are missing, and makes them
/// again when a table wants them.
fn strip(data: &Path) -> std::io::Result<()> {
    let is_map = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        path.starts_with("base") && (name.ends_with("_fsm") || name.ends_with("_vm"))
    };
    let listing = Listing::of(data)?;
    listing
        .files
        .iter()
        .filter(|path| is_map(path))
        .try_for_each(|path| std::fs::remove_file(data.join(path)))
}
