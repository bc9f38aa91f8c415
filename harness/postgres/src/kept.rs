//! What outlives its run because somebody asked for it, until somebody removes it.

use std::path::{Path, PathBuf};

use super::stock::KEPT;
use super::{Error, Server, database};

/// The folders of kept servers of this user on this machine.
pub fn folders() -> Vec<PathBuf> {
    spanproof_lease::kept()
}

/// Stops a kept server and removes its folder.
///
/// # Errors
/// When somebody uses it, or something of it can't be removed.
pub fn remove(folder: &Path) -> Result<(), Error> {
    let what = format!("`{}` can't be removed", folder.display());
    spanproof_lease::remove(folder).map_err(Error::system(what))
}

/// The databases that were kept on `server`, which is not ours.
///
/// # Errors
/// When the server does not answer.
pub async fn databases(server: &Server) -> Result<Vec<String>, Error> {
    let admin = server.admin();
    let listed = admin.run(async move |stock| {
        let sql = "select datname::text from pg_database where starts_with(datname, $1) order by 1";
        let named = sqlx::query_scalar(sql).bind(KEPT).fetch_all(&stock.login.pool).await;
        named.map_err(Error::database("list the kept databases"))
    });
    listed.await?
}

/// Drops databases that were kept on `server`.
///
/// # Errors
/// When one is not named as kept ones are, or can't be dropped.
pub async fn drop(server: &Server, names: Vec<String>) -> Result<(), Error> {
    let admin = server.admin();
    let dropped = admin.run(async move |stock| {
        for name in names {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if !name.starts_with(KEPT) || !name.chars().all(plain) {
                return Err(Error::NotKept { database: name });
            }
            database::drop_database(&stock.login, &name).await?;
        }
        Ok(())
    });
    dropped.await?
}
