//! A data directory for a server: from the cache, or from nothing and then into the cache.

use std::time::Duration;

use super::admin::Admin;
use super::background::Background;
use super::binaries::Binaries;
use super::cache::{self, Cache, Entry, Making};
use super::capture::Capture;
use super::error::chain;
use super::local::{self, Home, Local};
use super::prefix::Prefix;
use super::run::Run;
use super::{Error, Migrations, given};
use spanproof_lease::Ending;

/// Time for a server to come up.
const START: Duration = Duration::from_secs(30);

/// The ingredients of a data directory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recipe<'a> {
    pub(super) binaries: &'a Binaries,
    /// Applied once, into a template that is there from the start.
    pub(super) migrations: Option<&'a Migrations>,
    /// Where to look before, and to put it then; `None` makes it from nothing.
    pub(super) cache: Option<&'a Cache>,
    /// The start of the role's and the databases' names.
    pub(super) prefix: &'a Prefix,
}

/// A server that was started, and our connections to it.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) local: Local,
    pub(super) admin: Admin,
    /// Its templates: nothing can be cloned before they are there.
    pub(super) copying: Background,
    /// Its way into the cache.
    pub(super) storing: Background,
    /// What a user should know about it.
    pub(super) notes: Vec<String>,
}

impl Recipe<'_> {
    /// Starts a server on a data directory made by this recipe.
    pub(super) async fn start(self, run: &Run, ending: Ending) -> Result<Started, Error> {
        let mut home = Home::make(self.binaries, self.prefix, ending.clone())?;
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
                    notes.push(format!("made anew: what was cached is no good: {}", chain(&error)));
                }
            }
            home = Home::make(self.binaries, self.prefix, ending)?;
        }
        match cache.making(&key) {
            Ok(making) => Ok(Started { notes, ..self.stored(home, run, making).await? }),
            Err(error) => {
                let folder = cache.folder().display();
                notes.push(format!("nothing is cached: {folder} can't be written to: {error}"));
                home.initdb().await?;
                Ok(Started { notes, ..up(home, run).await? })
            }
        }
    }

    /// Makes the data directory, and puts a copy of it into the cache while the server is used.
    async fn stored(self, home: Home, run: &Run, making: Making) -> Result<Started, Error> {
        home.initdb().await?;
        let mut started = up(home, run).await?;
        let Started { local, admin, .. } = &started;
        let mut label = self.binaries.text.clone();
        let mut twins = None;
        if let Some(migrations) = self.migrations {
            twins = Some(self.bake(&local.url(), admin, migrations).await?);
            let folder = migrations.folder().display();
            label = format!("{label} with {} migrations of {folder}", migrations.count());
        }
        let capture = Capture::take(local.home(), admin, twins).await?;
        started.storing = Background::start("nothing is cached", capture.store(making, label));
        Ok(started)
    }

    /// Makes the template and a first clone of it, and returns their names.
    async fn bake(
        self,
        url: &str,
        admin: &Admin,
        migrations: &Migrations,
    ) -> Result<[String; 2], Error> {
        let fingerprint = migrations.fingerprint();
        let template = self.prefix.template(&fingerprint);
        let clone = self.prefix.first_clone(&fingerprint);
        admin.create(&template, "template0").await?;
        migrations.apply(&given::with_database(url, &template)?).await?;
        admin.create(&clone, &template).await?;
        Ok([template, clone])
    }

    fn key(&self) -> String {
        let folder = self.binaries.folder.to_string_lossy();
        let migrations = self.migrations.map(Migrations::fingerprint).unwrap_or_default();
        let initdb = local::initdb_arguments(self.prefix).join(" ");
        cache::key(&[&folder, &self.binaries.text, &initdb, &migrations])
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
    let started = open(local, run).await?;
    let copying = async {
        let ended = tokio::task::spawn_blocking(|| rest.end()).await;
        ended.unwrap_or_else(|panic| Err(std::io::Error::other(panic)))
    };
    let copying = Background::later("the cached databases can't be copied", copying);
    Ok(Started { copying, ..started })
}

/// Starts the server in `home` and logs in.
async fn up(home: Home, run: &Run) -> Result<Started, Error> {
    open(Local::spawn(home)?, run).await
}

async fn open(mut local: Local, run: &Run) -> Result<Started, Error> {
    let url = local.url();
    match Admin::connect(&url, run, START, || local.ended()).await {
        Ok(admin) => {
            let (copying, storing) = (Background::none(), Background::none());
            Ok(Started { local, admin, copying, storing, notes: Vec::new() })
        }
        Err(error) => {
            let what = match error {
                Error::Login { source, .. } => format!("did not come up: {}", chain(&*source)),
                other => chain(&other),
            };
            let folder = local.home().folder().to_owned();
            let log = local::log(&folder);
            Err(Error::Server { folder, what, log })
        }
    }
}
