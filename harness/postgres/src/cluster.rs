//! Starts a server on a data directory (a cluster, in Postgres's words), which comes from the cache
//! or is created and then cached.

use std::time::Duration;

use super::admin::Admin;
use super::background::Background;
use super::binaries::Binaries;
use super::cache::{self, Cache, Entry, NewEntry};
use super::capture::Capture;
use super::error::chain;
use super::local::{self, LocalServer, ServerFolder};
use super::prefix::Prefix;
use super::run::Run;
use super::{Error, Migrations, existing};
use spanproof_lease::LeaseOptions;

/// Time for a server to accept a connection.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// What a data directory is created from.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClusterConfig<'a> {
    pub(super) binaries: &'a Binaries,
    /// The migrations of a template database that the data directory contains from the start;
    /// `None` for no such template.
    pub(super) migrations: Option<&'a Migrations>,
    /// `None` to create the data directory from scratch and not to store it.
    pub(super) cache: Option<&'a Cache>,
    pub(super) prefix: &'a Prefix,
    /// Whether the server listens on TCP.
    pub(super) tcp: bool,
}

/// A server that was started, and our connections to it.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) server: LocalServer,
    pub(super) admin: Admin,
    /// The task that copies the template databases from the cache. No database can be cloned before
    /// this task ends.
    pub(super) copying: Background,
    /// The task that stores the data directory in the cache.
    pub(super) storing: Background,
    /// Remarks for the user.
    pub(super) notes: Vec<String>,
}

impl ClusterConfig<'_> {
    /// Starts a server on a data directory with this configuration.
    pub(super) async fn start(self, run: &Run, lease: LeaseOptions) -> Result<Cluster, Error> {
        let mut folder = ServerFolder::create(self.binaries, self.prefix, lease.clone(), self.tcp)?;
        let mut notes: Vec<String> = folder.note.clone().into_iter().collect();
        let Some(cache) = self.cache else {
            folder.initdb().await?;
            return Ok(Cluster { notes, ..start_and_connect(folder, run).await? });
        };
        let key = self.key();
        if let Some(entry) = cache.get(&key) {
            match start_from_cache(folder, entry, run).await {
                Ok(cluster) => return Ok(Cluster { notes, ..cluster }),
                Err(error) => {
                    let _removed = cache.remove(&key);
                    notes.push(format!("replaced a damaged cache entry: {}", chain(&error)));
                }
            }
            folder = ServerFolder::create(self.binaries, self.prefix, lease, self.tcp)?;
        }
        match cache.new_entry(&key) {
            Ok(entry) => Ok(Cluster { notes, ..self.start_and_store(folder, run, entry).await? }),
            Err(error) => {
                let path = cache.folder().display();
                notes.push(format!("nothing is cached: {path} can't be written to: {error}"));
                folder.initdb().await?;
                Ok(Cluster { notes, ..start_and_connect(folder, run).await? })
            }
        }
    }

    /// Creates the data directory, and stores a copy of it in the cache while the server is in use.
    async fn start_and_store(
        self,
        folder: ServerFolder,
        run: &Run,
        entry: NewEntry,
    ) -> Result<Cluster, Error> {
        folder.initdb().await?;
        let mut cluster = start_and_connect(folder, run).await?;
        let Cluster { server, admin, .. } = &cluster;
        let mut label = self.binaries.text.clone();
        let mut template_and_clone = None;
        if let Some(migrations) = self.migrations {
            let names = self.create_template(&server.url(), admin, migrations).await?;
            template_and_clone = Some(names);
            let folder = migrations.folder().display();
            let count = migrations.count();
            let noun = if count == 1 { "migration" } else { "migrations" };
            label = format!("{label} with {count} {noun} of {folder}");
        }
        let capture = Capture::take(server.folder(), admin, template_and_clone).await?;
        cluster.storing = Background::start("nothing is cached", capture.store(entry, label));
        Ok(cluster)
    }

    /// Creates the template and a first clone of it, and returns their names.
    async fn create_template(
        self,
        url: &str,
        admin: &Admin,
        migrations: &Migrations,
    ) -> Result<[String; 2], Error> {
        let fingerprint = migrations.fingerprint();
        let template = self.prefix.template(&fingerprint);
        let clone = self.prefix.first_clone(&fingerprint);
        admin.create(&template, "template0").await?;
        migrations.apply(&existing::with_database(url, &template)?).await?;
        admin.create(&clone, &template).await?;
        Ok([template, clone])
    }

    /// Returns the name of the cache entry: a hash of everything that determines the data directory.
    fn key(&self) -> String {
        let folder = self.binaries.folder.to_string_lossy();
        let migrations = self.migrations.map(Migrations::fingerprint).unwrap_or_default();
        let initdb = local::initdb_arguments(self.prefix).join(" ");
        cache::key(&[&folder, &self.binaries.text, &initdb, &migrations])
    }
}

/// Starts the server while its databases are still being copied. Until the first login, a server
/// reads only the names of their folders.
async fn start_from_cache(folder: ServerFolder, entry: Entry, run: &Run) -> Result<Cluster, Error> {
    let failed = || Error::system("could not copy the entry");
    let copy = entry.copy_without_databases(&folder.data(), folder.owner()).map_err(failed())?;
    let copying = tokio::task::spawn_blocking(|| copy.copy_databases());
    let server = LocalServer::spawn(folder);
    let copied = copying.await.unwrap_or_else(|panic| Err(std::io::Error::other(panic)));
    let (server, copy) = (server?, copied.map_err(failed())?);
    let cluster = connect(server, run).await?;
    let copy_templates = async {
        let copied = tokio::task::spawn_blocking(|| copy.copy_templates()).await;
        copied.unwrap_or_else(|panic| Err(std::io::Error::other(panic)))
    };
    let copying = Background::lazy("could not copy the cached templates", copy_templates);
    Ok(Cluster { copying, ..cluster })
}

async fn start_and_connect(folder: ServerFolder, run: &Run) -> Result<Cluster, Error> {
    connect(LocalServer::spawn(folder)?, run).await
}

async fn connect(mut server: LocalServer, run: &Run) -> Result<Cluster, Error> {
    let url = server.url();
    match Admin::connect(&url, run, START_TIMEOUT, || server.exit()).await {
        Ok(admin) => {
            server.set_password(&admin).await?;
            let (copying, storing) = (Background::done(), Background::done());
            Ok(Cluster { server, admin, copying, storing, notes: Vec::new() })
        }
        Err(error) => {
            let what = match error {
                Error::Login { source, .. } => format!("did not start: {}", chain(&*source)),
                other => chain(&other),
            };
            let folder = server.folder().path().to_owned();
            let log = local::last_log_lines(&folder);
            Err(Error::Server { folder, what, log })
        }
    }
}
