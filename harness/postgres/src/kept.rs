//! Servers and databases that were [kept](crate::Database::keep) beyond the end of their run.
//!
//! They stay until they are removed: a server of ours by its folder, a database on a given server by
//! its name.

use std::path::{Path, PathBuf};

use super::catalog::Catalog;
use super::{Error, Prefix, Server};

/// The folders of this user's kept servers on this machine that have the prefix.
pub fn folders(prefix: &Prefix) -> Vec<PathBuf> {
    let mut folders = spanproof_lease::kept();
    folders.retain(|folder| prefix.is_of(folder));
    folders
}

/// Stops a kept server and removes its folder.
///
/// # Errors
/// When somebody uses it, when it is no such folder, or when something of it can't be removed.
pub fn remove(folder: &Path) -> Result<(), Error> {
    let what = format!("`{}` can't be removed", folder.display());
    spanproof_lease::remove(folder).map_err(Error::system(what))
}

/// The databases that were kept on a given server, of the prefix that `server` was started with.
///
/// # Errors
/// When the server does not answer.
pub async fn databases(server: &Server) -> Result<Vec<String>, Error> {
    let handle = server.handle();
    let listed = handle.run(async move |databases| {
        let sql = "select datname::text from pg_database where starts_with(datname, $1) order by 1";
        let Catalog { admin, run, .. } = &*databases.catalog;
        let kept = run.prefix().kept();
        let named = sqlx::query_scalar(sql).bind(kept).fetch_all(&admin.pool).await;
        named.map_err(Error::database("list the kept databases"))
    });
    listed.await?
}

/// Drops databases that were kept on a given server.
///
/// # Errors
/// [`Error::NotKept`] for a name that no kept database of this prefix has; when the server refuses.
pub async fn drop(server: &Server, names: Vec<String>) -> Result<(), Error> {
    let handle = server.handle();
    let dropped = handle.run(async move |databases| {
        let Catalog { admin, run, .. } = &*databases.catalog;
        let kept = run.prefix().kept();
        for name in names {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if !name.starts_with(&kept) || !name.chars().all(plain) {
                return Err(Error::NotKept { database: name });
            }
            admin.drop_database(&name).await?;
        }
        Ok(())
    });
    dropped.await?
}
