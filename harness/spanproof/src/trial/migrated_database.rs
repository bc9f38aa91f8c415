//! A disposable database to which the migrations of a spec were applied, without a service.

use spanproof_postgres::{Database, Options, Server};

use super::{Error, migrate};
use crate::spec::Spec;

/// A disposable database with the migrations of a spec, on a server of its own.
#[derive(Debug)]
#[must_use = "call `close` to remove the database and get errors"]
pub(crate) struct MigratedDatabase {
    database: Database,
    server: Server,
}

impl MigratedDatabase {
    /// Starts a server and applies the migrations.
    ///
    /// # Errors
    /// If a file can't be read, no server starts, or a migration fails.
    pub(crate) async fn create(spec: &Spec) -> Result<Self, Error> {
        let migrations = migrate::migrations(spec)?;
        let options = spec.postgres_options()?;
        let options = Options { migrations: Some(migrations.clone()), ..options };
        let server = Server::start(options).await?;
        let database = server.migrated_database(&migrations).await?;
        Ok(Self { database, server })
    }

    /// Returns the URL of the database.
    pub(crate) fn url(&self) -> &str {
        self.database.url()
    }

    /// Drops the database and stops the server.
    ///
    /// # Errors
    /// If this fails.
    pub(crate) async fn close(self) -> Result<(), Error> {
        self.database.close().await?;
        Ok(self.server.close().await?)
    }
}
