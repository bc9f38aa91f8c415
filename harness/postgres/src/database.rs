//! One database of a disposable server.

use super::Error;
use super::handle::Handle;

/// A database that no other test uses. Dropping this value drops the database in the background;
/// [`Database::close`] drops it immediately and reports errors.
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

    /// Returns the name of the database on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns a URL that every Postgres driver accepts. It may contain a password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Drops the database.
    ///
    /// # Errors
    /// If sessions are still open on the database half a second later: the error names each
    /// session, and the database is dropped anyway. Also if the server refuses, for instance
    /// because it has stopped.
    pub async fn close(mut self) -> Result<(), Error> {
        let Some(handle) = self.handle.take() else { return Ok(()) };
        let name = self.name.clone();
        handle
            .run(async move |databases| {
                databases.storing.cancel_or_wait().await;
                let admin = &databases.allocator.admin;
                let sessions = admin.open_sessions(&name).await;
                let dropped = match &sessions {
                    Ok(sessions) if sessions.is_empty() => databases.discard(name.clone()).await,
                    _ => admin.drop_database(&name).await,
                };
                let sessions = databases.explain(sessions).await?;
                databases.explain(dropped).await?;
                if sessions.is_empty() {
                    return Ok(());
                }
                Err(Error::Leaked { database: name, sessions: sessions.join("; ") })
            })
            .await?
    }

    /// Keeps the database and its server after the end of this process, until a function in
    /// [`kept`](crate::kept) removes it. Returns the `psql` command that connects to the database.
    /// If this crate did not start the server, the command has `***` in place of a password.
    ///
    /// # Errors
    /// If the database can't be marked as kept.
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
                let _dropped = databases.discard(name).await;
            });
            handle.storing.block();
        }
    }
}
