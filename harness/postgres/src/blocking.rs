//! The same databases for tests that are not async.
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

/// Makes a database as [`Database::migrated`] does.
///
/// # Errors
/// When the folder can't be read, no source gives a server, or a migration fails.
pub fn migrated(folder: impl AsRef<Path>) -> Result<Database, Error> {
    wait(Database::migrated(folder.as_ref()))
}

/// Drops a database as [`Database::close`] does.
///
/// # Errors
/// When somebody is still connected, or the server refuses.
pub fn close(database: Database) -> Result<(), Error> {
    wait(database.close())
}

/// Waits on a thread of its own, since the caller may be inside of a runtime. What is awaited is done
/// on the server's own thread, so that nothing has to be driven here.
fn wait<T: Send>(work: impl Future<Output = Result<T, Error>> + Send) -> Result<T, Error> {
    let block = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.map_err(Error::system("no runtime to wait with"))?.block_on(work)
    };
    std::thread::scope(|scope| scope.spawn(block).join()).map_err(|_| Error::Closed)?
}
