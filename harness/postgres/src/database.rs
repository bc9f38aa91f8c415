//! One database of a disposable server, dropped when it is no longer wanted.

use super::Error;
use super::handle::Handle;

/// A database that belongs to its holder alone. Dropping the value drops the database in the
/// background; [`Database::close`] does so and reports an error.
#[derive(Debug)]
#[must_use = "the database is dropped together with this value"]
pub struct Database {
    name: String,
    url: String,
    handle: Option<Handle>,
}

impl Database {
    pub(super) fn new(name: String, url: String, handle: Handle) -> Self {
        Self { name, url, handle: Some(handle) }
    }

    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A URL that every Postgres driver understands; it may hold a password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Drops the database.
    ///
    /// # Errors
    /// When somebody is still connected half a second later: each such session is named, and the
    /// database is dropped all the same. When the server refuses, for instance because it is gone.
    pub async fn close(mut self) -> Result<(), Error> {
        let Some(handle) = self.handle.take() else { return Ok(()) };
        let name = self.name.clone();
        handle
            .run(async move |databases| {
                databases.storing.settle().await;
                let catalog = &databases.catalog;
                let left = catalog.admin.sessions(&name).await;
                let dropped = match &left {
                    Ok(sessions) if sessions.is_empty() => catalog.discard(name.clone()).await,
                    _ => catalog.admin.drop_database(&name).await,
                };
                match (databases.explained(left).await?, databases.explained(dropped).await?) {
                    (sessions, ()) if sessions.is_empty() => Ok(()),
                    (sessions, ()) => {
                        Err(Error::Leaked { database: name, sessions: sessions.join("; ") })
                    }
                }
            })
            .await?
    }

    /// Keeps the database, and the server it is on, beyond the end of this process, until somebody
    /// removes it with the functions in [`kept`](crate::kept). Returns the command that opens it in
    /// `psql`; the password of a given server is left out.
    ///
    /// # Errors
    /// When it can't be marked as kept.
    pub async fn keep(mut self) -> Result<String, Error> {
        let Some(handle) = self.handle.take() else { return Ok(self.url.clone()) };
        let (name, url) = (self.name.clone(), self.url.clone());
        handle.run(async move |databases| databases.keep(&name, &url).await).await?
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            let name = std::mem::take(&mut self.name);
            handle.run_later(async move |databases| {
                let _dropped = databases.catalog.discard(name).await;
            });
            handle.storing.block();
        }
    }
}
