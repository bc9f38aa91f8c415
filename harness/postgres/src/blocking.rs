//! Databases for tests that are not async.
//!
//! ```
//! # fn main() -> Result<(), spanproof_postgres::Error> {
//! use spanproof_postgres::blocking;
//!
//! let database = blocking::migrated("examples/migrations")?;
//! assert!(database.url().starts_with("postgres://"));
//! blocking::close(database)
//! # }
//! ```

use std::path::Path;

use super::{Database, Error};

/// Creates a database as [`Database::migrated`] does.
///
/// # Errors
/// If the folder can't be read, no Postgres server can be started or reached, or a migration fails.
pub fn migrated(folder: impl AsRef<Path>) -> Result<Database, Error> {
    wait(Database::migrated(folder.as_ref()))
}

/// Drops a database as [`Database::close`] does.
///
/// # Errors
/// If there are still sessions on it, or the server refuses.
pub fn close(database: Database) -> Result<(), Error> {
    wait(database.close())
}

/// Waits for a future on a new thread, since the caller may be inside a runtime. Each server has its
/// own thread with a complete runtime, where all I/O takes place. The runtime here only waits for
/// that thread, so it needs no I/O or time driver.
fn wait<T: Send>(future: impl Future<Output = Result<T, Error>> + Send) -> Result<T, Error> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.map_err(Error::system("could not start a runtime"))?.block_on(future)
    };
    std::thread::scope(|scope| scope.spawn(run).join()).map_err(|_| Error::Closed)?
}
