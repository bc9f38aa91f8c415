//! Servers and databases that stay after the end of the process that created them, because
//! [`Database::keep`](crate::Database::keep) was called.
//!
//! They stay until these functions remove them. A server that this crate started is identified by
//! its folder, a database on an existing server by its name.

use std::path::{Path, PathBuf};

use super::allocator::Allocator;
use super::query_limit::limited;
use super::{Error, Prefix, Server};

/// Returns the folders of the kept servers on this machine that belong to this user and have the
/// prefix.
pub fn folders(prefix: &Prefix) -> Vec<PathBuf> {
    let mut folders = spanproof_lease::kept_folders();
    folders.retain(|folder| prefix.is_marked_in(folder));
    folders
}

/// Stops a kept server and removes its folder.
///
/// # Errors
/// If a process uses the server, if `folder` is not the folder of a server, or if a part of the
/// folder can't be removed.
pub fn remove_folder(folder: &Path) -> Result<(), Error> {
    let what = format!("could not remove `{}`", folder.display());
    spanproof_lease::remove_folder(folder).map_err(Error::system(what))
}

/// Returns the names of the kept databases on `server`, an existing server. Leaves out databases with a
/// different prefix.
///
/// # Errors
/// If the server does not answer.
pub async fn databases(server: &Server) -> Result<Vec<String>, Error> {
    let handle = server.handle();
    let names = handle.run(async move |databases| {
        let sql = "select datname::text from pg_database where starts_with(datname, $1) order by 1";
        let Allocator { admin, run, .. } = &*databases.allocator;
        let kept = run.prefix().kept_prefix();
        let names = limited(sqlx::query_scalar(sql).bind(kept).fetch_all(&admin.pool)).await;
        names.map_err(Error::database("list the kept databases"))
    });
    names.await?
}

/// Drops kept databases on `server`, an existing server.
///
/// # Errors
/// [`Error::NotKept`] for a name that is not the name of a kept database with the prefix of
/// `server`. [`Error::Database`] if the server refuses.
pub async fn drop_databases(server: &Server, names: Vec<String>) -> Result<(), Error> {
    let handle = server.handle();
    let dropped = handle.run(async move |databases| {
        let Allocator { admin, run, .. } = &*databases.allocator;
        let kept = run.prefix().kept_prefix();
        for name in names {
            let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if !name.starts_with(&kept) || !name.chars().all(is_plain) {
                return Err(Error::NotKept { database: name });
            }
            admin.drop_database(&name).await?;
        }
        Ok(())
    });
    dropped.await?
}
