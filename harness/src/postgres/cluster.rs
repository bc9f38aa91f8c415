//! A data directory for a server: from the cache, or from nothing and then into the cache.

use std::time::Duration;

use super::binaries::Binaries;
use super::cache::{self, Cache, Entry};
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
            let (local, login) = up(home, run).await?;
            return Ok(Started { local, login, notes });
        };
        let key = self.key();
        if let Some(entry) = cache.get(&key) {
            match copied(home, entry, run).await {
                Ok((local, login)) => return Ok(Started { local, login, notes }),
                Err(error) => {
                    let _gone = cache.remove(&key);
                    notes.push(format!("made anew: what was cached is no good: {error}"));
                }
            }
            home = Home::make(self.binaries, ending)?;
        }
        let store = |home: &Home, label: &str| cache.put(&key, label, &home.data());
        let (local, login, stored) = self.made(home, run, store).await?;
        notes.extend(stored.err().map(|error| {
            format!("nothing is cached: {} can't be written to: {error}", cache.folder().display())
        }));
        Ok(Started { local, login, notes })
    }

    fn key(&self) -> String {
        let folder = self.binaries.folder.to_string_lossy();
        let migrations = self.migrations.map(Migrations::fingerprint).unwrap_or_default();
        cache::key(&[&folder, &self.binaries.text, &INITDB.join(" "), &migrations])
    }

    async fn made(
        &self,
        home: Home,
        run: &Run,
        store: impl FnOnce(&Home, &str) -> std::io::Result<()>,
    ) -> Result<(Local, Login, std::io::Result<()>), Error> {
        home.initdb().await?;
        let (home, contents) = match self.migrations {
            Some(migrations) => {
                let (local, login) = up(home, run).await?;
                bake(&local.url(), &login, migrations).await?;
                login.pool.close().await;
                let folder = migrations.folder().display();
                let contents = format!(" with {} migrations of {folder}", migrations.count());
                (local.shut_down(), contents)
            }
            None => (home, String::new()),
        };
        let stored = store(&home, &format!("{}{contents}", self.binaries.text));
        let (local, login) = up(home, run).await?;
        Ok((local, login, stored))
    }
}

/// The server starts while its databases are still being copied: until somebody logs in it looks
/// at their folders only.
async fn copied(home: Home, entry: Entry, run: &Run) -> Result<(Local, Login), Error> {
    let failed = || Error::system("it can't be copied");
    let rest = entry.begin(&home.data(), home.owner()).map_err(failed())?;
    let copying = tokio::task::spawn_blocking(|| rest.end());
    let local = Local::spawn(home);
    let copied = copying.await.unwrap_or_else(|panic| Err(std::io::Error::other(panic)));
    let local = local?;
    copied.map_err(failed())?;
    open(local, run).await
}

/// Starts the server in `home` and logs in.
async fn up(home: Home, run: &Run) -> Result<(Local, Login), Error> {
    open(Local::spawn(home)?, run).await
}

async fn open(mut local: Local, run: &Run) -> Result<(Local, Login), Error> {
    let url = local.url();
    match login::enter(&url, run, START, || local.ended()).await {
        Ok(login) => Ok((local, login)),
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

/// Makes the template and a first clone of it.
async fn bake(url: &str, login: &Login, migrations: &Migrations) -> Result<(), Error> {
    let fingerprint = migrations.fingerprint();
    let (template, ready) = (template(&fingerprint), ready(&fingerprint));
    database::create(login, &template, "template0").await?;
    migrations.apply(&given::with_database(url, &template)?).await?;
    database::create(login, &ready, &template).await
}
