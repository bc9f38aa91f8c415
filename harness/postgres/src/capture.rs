//! The data directory of a server that runs, taken for the cache.
//!
//! Right after a checkpoint, while nobody else is on the server, its files are what it knows. They
//! are copied, except databases that are cloned only, which nobody changes afterwards. So whoever
//! wants the server has it while a single-user server brings the copy to the state of one that was
//! shut down, and while all of it is written to the cache.

use std::io;
use std::path::{Path, PathBuf};

use sqlx::Executor;

use super::Error;
use super::admin::Admin;
use super::cache::{Contents, Making};
use super::copy::Listing;
use super::local::Home;
use spanproof_lease::Guard;
use spanproof_lease::finish;

/// A data directory that was taken from a running server.
#[derive(Debug)]
pub(super) struct Capture {
    /// The server's own data directory.
    data: PathBuf,
    /// The copy of what the server goes on changing.
    copy: PathBuf,
    /// Folders of databases that are cloned only.
    templates: Vec<PathBuf>,
    /// The folders of the template and of a clone that is the same, file by file.
    twins: Option<(PathBuf, PathBuf)>,
    /// The server that is to end it properly.
    single: std::process::Command,
    _guard: Guard,
}

impl Capture {
    /// Takes the data directory. Nobody but us may be on the server. `twins` are a template and a clone of it that
    /// nobody has been in.
    ///
    /// # Errors
    /// When the server refuses, or there is no room for the copy.
    pub(super) async fn take(
        home: &Home,
        admin: &Admin,
        twins: Option<[String; 2]>,
    ) -> Result<Self, Error> {
        let databases: Vec<(String, String, bool)> =
            sqlx::query_as("select datname::text, 'base/' || oid, datistemplate from pg_database")
                .fetch_all(&admin.pool)
                .await
                .map_err(Error::database("look for the databases' folders"))?;
        admin.pool.execute("checkpoint").await.map_err(Error::database("make a checkpoint"))?;
        let folder = |wanted: &str| {
            let found = databases.iter().find(|(name, ..)| name == wanted);
            found.map(|(_, folder, _)| PathBuf::from(folder))
        };
        let twins = twins.and_then(|[one, other]| folder(&one).zip(folder(&other)));
        let is_template = databases.iter().filter(|(.., is_template)| *is_template);
        let mut templates: Vec<_> = is_template.map(|(_, folder, _)| folder.into()).collect();
        templates.extend(twins.iter().map(|(template, _)| template.clone()));
        let (data, copy) = (home.data(), home.folder().join("capture"));
        let clone = twins.as_ref().map(|(_, clone)| clone.clone());
        let left: Vec<_> = templates.iter().cloned().chain(clone).collect();
        let failed = || Error::system("the data directory can't be copied");
        let mut listing = listing(&data).map_err(failed())?;
        listing.files.retain(|path| !left.iter().any(|folder| path.starts_with(folder)));
        listing.copy(&data, &copy, home.owner()).map_err(failed())?;
        let (single, guard) = home.single(&copy)?;
        Ok(Self { data, copy, templates, twins, single, _guard: guard })
    }

    /// Stores it in the cache.
    ///
    /// # Errors
    /// When the copy can't be ended properly, or the cache can't be written.
    pub(super) async fn store(self, making: Making, label: String) -> io::Result<()> {
        let Self { data, copy, templates, twins, single, _guard } = self;
        let ended = finish(single).await?;
        if !ended.status.success() {
            let errors = String::from_utf8_lossy(&ended.stderr);
            return Err(io::Error::other(format!("a single-user server: {}", errors.trim())));
        }
        let store = move || {
            let Listing { folders, files } = listing(&copy)?;
            let mut files: Vec<_> = files.into_iter().map(|p| (p.clone(), copy.join(p))).collect();
            for template in &templates {
                let clone = twins.iter().find(|(of, _)| of == template).map(|(_, clone)| clone);
                for file in listing(&data.join(template))?.files {
                    let from = data.join(template).join(&file);
                    let targets = std::iter::once(template).chain(clone);
                    files.extend(targets.map(|target| (target.join(&file), from.clone())));
                }
            }
            making.store(Contents { label, folders, files, templates })?;
            std::fs::remove_dir_all(copy)
        };
        tokio::task::spawn_blocking(store)
            .await
            .unwrap_or_else(|panic| Err(io::Error::other(panic)))
    }
}

/// The files worth storing of a data directory, or of the folder of a database. Not the lock of the
/// running server, and not the maps of free and of visible pages: a fifth of the files of each
/// clone, which a server does without where they are missing and makes again when a table wants
/// them.
fn listing(root: &Path) -> io::Result<Listing> {
    let mut listing = Listing::of(root)?;
    listing.files.retain(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        name != "postmaster.pid" && !name.ends_with("_fsm") && !name.ends_with("_vm")
    });
    Ok(listing)
}
