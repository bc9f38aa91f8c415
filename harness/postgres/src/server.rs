//! A disposable server, which creates migrated and empty databases.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use tokio::sync::OnceCell;

use super::connection::connect_options;
use super::handle::Handle;
use super::options::Options;
use super::origin::Origin;
use super::{Database, Error, LogEntry, Migrations};

/// A running server. Cheap to clone. It stops when [`Server::close`] is called, or when the last
/// clone and the last [`Database`] on it are dropped. A server that other processes use, and a server
/// that this crate did not start, keep running.
#[derive(Debug, Clone)]
pub struct Server(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    handle: Handle,
    origin: Origin,
}

/// The servers that this process shares with other processes, by their options.
static SHARED: LazyLock<Mutex<HashMap<Options, Arc<OnceCell<Server>>>>> =
    LazyLock::new(Mutex::default);

impl Server {
    /// Starts an unshared server from the first [`Source`](crate::Source) in `options` that works.
    ///
    /// # Errors
    /// If no source works. The error names each source, and why it does not work.
    pub async fn start(options: Options) -> Result<Self, Error> {
        Self::start_ignoring_env(options.with_source_from_env()?).await
    }

    /// Starts a server as [`Server::start`] does, but ignores `SPANPROOF_POSTGRES`.
    ///
    /// # Errors
    /// If no source works.
    pub async fn start_ignoring_env(options: Options) -> Result<Self, Error> {
        let (handle, origin) = Handle::start(options).await?;
        Ok(Self(Arc::new(Inner { handle, origin })))
    }

    /// Returns the server that all tests of this test run share, in this process and in others. The
    /// first caller starts the server. It stops after the last process that uses it and the test
    /// runner that started these processes have ended.
    ///
    /// # Errors
    /// If the server can't be started.
    pub async fn shared() -> Result<Self, Error> {
        Self::join(Options::default()).await
    }

    /// Returns the server with these options that all tests of this test run share. Different
    /// checkouts, users or versions of this crate never share a server. The migrations in `options` are
    /// only a hint: if this process starts the server from server binaries, it creates their template
    /// (the database that is cloned for each test) before the first test asks for it.
    ///
    /// # Errors
    /// If the server can't be started.
    pub async fn join(options: Options) -> Result<Self, Error> {
        let options = options.with_source_from_env()?;
        let key = Options { migrations: None, ..options.clone() };
        let cell = {
            let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(shared.entry(key).or_default())
        };
        let joined = cell.get_or_try_init(|| async {
            let (handle, origin) = Handle::join(options).await?;
            Ok(Self(Arc::new(Inner { handle, origin })))
        });
        joined.await.cloned()
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.0.handle
    }

    /// Returns the source and version of the server, and why other sources were passed over.
    pub fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// Returns whether the server answers a login within `limit`. A refusal is an answer, too. A server
    /// that was killed or stopped does not answer.
    pub async fn answers_within(&self, limit: Duration) -> bool {
        let url = self.0.handle.run(async move |databases| databases.url("postgres")).await;
        let Ok(Ok(url)) = url else { return false };
        let Ok(options) = connect_options(&url) else { return false };
        match tokio::time::timeout(limit, PgConnection::connect_with(&options)).await {
            Ok(Ok(connection)) => {
                drop(connection.close().await);
                true
            }
            Ok(Err(sqlx::Error::Database(_))) => true,
            Ok(Err(_)) | Err(_) => false,
        }
    }

    /// Creates an empty database.
    ///
    /// # Errors
    /// If the server refuses to create it.
    pub async fn empty_database(&self) -> Result<Database, Error> {
        let handle = self.0.handle.clone();
        let created = self.0.handle.run(async move |databases| {
            let name = databases.create_empty().await?;
            Ok((databases.url(&name)?, name))
        });
        let (url, name) = created.await??;
        Ok(Database::new(name, url, handle))
    }

    /// Creates a database with `migrations` applied. The database is a clone of a template, which
    /// is created once.
    ///
    /// # Errors
    /// If a migration fails, or the server refuses to create the clone.
    pub async fn migrated_database(&self, migrations: &Migrations) -> Result<Database, Error> {
        let (handle, migrations) = (self.0.handle.clone(), migrations.clone());
        let created = self.0.handle.run(async move |databases| {
            let name = databases.take_clone(&migrations).await?;
            Ok((databases.url(&name)?, name))
        });
        let (url, name) = created.await??;
        Ok(Database::new(name, url, handle))
    }

    /// Returns the entries of the server's log about a database, in order; `None` if the log can't be
    /// read, as on a server that this crate did not start.
    ///
    /// # Errors
    /// If the server was closed.
    pub async fn log(&self, database: &Database) -> Result<Option<Vec<LogEntry>>, Error> {
        let name = database.name().to_owned();
        self.0.handle.run(async move |databases| databases.log(&name).await).await
    }

    /// Returns the entries of the server's log about databases that this crate did not create, in order;
    /// `None` if the log can't be read, as on a server that this crate did not start.
    ///
    /// # Errors
    /// If the server was closed.
    pub async fn log_of_other_databases(&self) -> Result<Option<Vec<LogEntry>>, Error> {
        self.0.handle.run(async move |databases| databases.log_of_others().await).await
    }

    /// Returns the name and the URL of each database that this crate did not create, except templates
    /// and databases that accept no connections.
    ///
    /// # Errors
    /// If the server was closed, or they can't be listed.
    pub async fn other_databases(&self) -> Result<Vec<(String, String)>, Error> {
        self.0.handle.run(async move |databases| databases.others().await).await?
    }

    /// Returns the ids of the server's own processes, such as the checkpointer. They run as long as the
    /// server. If a session crashes, the server replaces all of them, and may lose the last transactions
    /// of every database. So two results without a common id show such a crash.
    ///
    /// # Errors
    /// If the server was closed, or they can't be listed.
    pub async fn own_processes(&self) -> Result<BTreeSet<i32>, Error> {
        self.0.handle.run(async move |databases| databases.own_processes().await).await?
    }

    /// Creates the template of `migrations` if it does not exist yet.
    ///
    /// # Errors
    /// If a migration fails; the incomplete template is dropped.
    pub async fn prepare(&self, migrations: &Migrations) -> Result<(), Error> {
        let migrations = migrations.clone();
        self.0
            .handle
            .run(async move |databases| databases.pool(&migrations).await.map(drop))
            .await?
    }

    /// Stops the server and removes everything on it. A shared server keeps running for the other
    /// processes that use it. A server that this crate did not start keeps running, too; then this
    /// drops all databases that were created through this value and its clones.
    ///
    /// # Errors
    /// If a database can't be dropped or a container can't be removed.
    pub async fn close(self) -> Result<(), Error> {
        self.0.handle.close().await
    }
}

impl Database {
    /// Creates a database with the migrations of `folder` applied, on the server that all tests of
    /// this test run share.
    ///
    /// # Errors
    /// If the folder can't be read, no Postgres server can be started or reached, or a migration
    /// fails.
    pub async fn migrated(folder: impl AsRef<std::path::Path>) -> Result<Self, Error> {
        let migrations = Migrations::read(folder)?;
        let options = Options { migrations: Some(migrations.clone()), ..Options::default() };
        Server::join(options).await?.migrated_database(&migrations).await
    }
}
