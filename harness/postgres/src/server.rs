//! A disposable server, which makes databases: migrated or empty.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::handle::Handle;
use super::options::Options;
use super::origin::Origin;
use super::{Database, Error, LogEntry, Migrations};

/// A running server. Cheap to clone; it stops when [`Server::close`] is called or when the last
/// clone and the last [`Database`] on it are gone.
#[derive(Debug, Clone)]
pub struct Server(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    handle: Handle,
    origin: Origin,
}

/// The servers that this process shares with others, by what they were asked to be.
static SHARED: LazyLock<Mutex<HashMap<Options, Arc<OnceCell<Server>>>>> =
    LazyLock::new(Mutex::default);

impl Server {
    /// Starts a server that is not shared, from the first source of `options` that works.
    ///
    /// # Errors
    /// When no source works; the error names each with its reason.
    pub async fn start(options: Options) -> Result<Self, Error> {
        Self::exactly(options.overridden()?).await
    }

    /// Starts a server as [`Server::start`] does, but ignores `SPANPROOF_POSTGRES`.
    ///
    /// # Errors
    /// When no source works.
    pub async fn exactly(options: Options) -> Result<Self, Error> {
        let (handle, origin) = Handle::start(options, false).await?;
        Ok(Self(Arc::new(Inner { handle, origin })))
    }

    /// The server that all tests of this run share, in this process and in others; the first one
    /// starts it. It stops when the last process that uses it has ended, and the test runner that
    /// started them.
    ///
    /// # Errors
    /// When it can't be started.
    pub async fn shared() -> Result<Self, Error> {
        Self::join(Options::default()).await
    }

    /// The server with these options that all tests of this run share. Two checkouts, two users or
    /// two versions never share one. The migrations in `options` are only a hint: they are there
    /// from the start if this process happens to start the server.
    ///
    /// # Errors
    /// When it can't be started.
    pub async fn join(options: Options) -> Result<Self, Error> {
        let options = options.overridden()?;
        let kind = Options { migrations: None, ..options.clone() };
        let cell = {
            let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(shared.entry(kind).or_default())
        };
        let joined = cell.get_or_try_init(|| async {
            let (handle, origin) = Handle::start(options, true).await?;
            Ok(Self(Arc::new(Inner { handle, origin })))
        });
        joined.await.cloned()
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.0.handle
    }

    /// Where the server comes from, which version it is, and why other sources were passed over.
    pub fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// Makes a database with nothing in it.
    ///
    /// # Errors
    /// When the server refuses to create it.
    pub async fn empty(&self) -> Result<Database, Error> {
        let handle = self.0.handle.clone();
        let made = self.0.handle.run(async move |databases| {
            let name = databases.empty().await?;
            Ok((databases.url(&name)?, name))
        });
        let (url, name) = made.await??;
        Ok(Database::new(name, url, handle))
    }

    /// Makes a database with `migrations` applied: a clone of a template that is made once.
    ///
    /// # Errors
    /// When a migration fails or the server refuses to clone.
    pub async fn migrated(&self, migrations: &Migrations) -> Result<Database, Error> {
        let (handle, migrations) = (self.0.handle.clone(), migrations.clone());
        let made = self.0.handle.run(async move |databases| {
            let name = databases.migrated(&migrations).await?;
            Ok((databases.url(&name)?, name))
        });
        let (url, name) = made.await??;
        Ok(Database::new(name, url, handle))
    }

    /// The entries of the server's log that are about a database, in their order; `None` if the
    /// server is a given one or runs in a container.
    ///
    /// # Errors
    /// When the server was closed.
    pub async fn log(&self, database: &Database) -> Result<Option<Vec<LogEntry>>, Error> {
        let name = database.name().to_owned();
        self.0.handle.run(async move |databases| databases.log(&name)).await
    }

    /// Makes the template of `migrations`, if it is not there yet.
    ///
    /// # Errors
    /// When a migration fails; nothing of the half-made template stays.
    pub async fn prepare(&self, migrations: &Migrations) -> Result<(), Error> {
        let migrations = migrations.clone();
        self.0
            .handle
            .run(async move |databases| databases.pool(&migrations).await.map(drop))
            .await?
    }

    /// Stops the server with everything on it. A shared server goes on for its other users, and on
    /// a given server all databases of this run are dropped.
    ///
    /// # Errors
    /// When a database can't be dropped or a container can't be removed.
    pub async fn close(self) -> Result<(), Error> {
        self.0.handle.close().await
    }
}

impl Database {
    /// Makes a database with the migrations of `folder` applied, on the server that all tests of
    /// this run share.
    ///
    /// # Errors
    /// When the folder can't be read, no source gives a server, or a migration fails.
    pub async fn migrated(folder: impl AsRef<std::path::Path>) -> Result<Self, Error> {
        let migrations = Migrations::read(folder)?;
        let options = Options { migrations: Some(migrations.clone()), ..Options::default() };
        Server::join(options).await?.migrated(&migrations).await
    }
}
