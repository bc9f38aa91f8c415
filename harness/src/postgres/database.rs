//! One database of a disposable server, dropped when it is no longer wanted.

use super::Error;
use super::admin::Admin;

/// A database that belongs to its holder alone. Dropping the value drops the database in the
/// background; [`Database::close`] does so and says if it failed.
#[derive(Debug)]
#[must_use = "the database is dropped together with this value"]
pub struct Database {
    name: String,
    url: String,
    admin: Option<Admin>,
}

impl Database {
    pub(super) fn new(name: String, url: String, admin: Admin) -> Self {
        Self { name, url, admin: Some(admin) }
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
    /// When the server refuses, for instance because it is gone.
    pub async fn close(mut self) -> Result<(), Error> {
        let (what, sql) = self.statement();
        match self.admin.take() {
            Some(admin) => admin.execute(what, sql).await,
            None => Ok(()),
        }
    }

    /// Whoever is still connected is thrown out: the holder is done with it.
    fn statement(&self) -> (String, String) {
        let name = &self.name;
        (format!("drop database `{name}`"), format!("drop database if exists {name} with (force)"))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(admin) = self.admin.take() {
            let (what, sql) = self.statement();
            admin.execute_later(what, sql);
        }
    }
}
