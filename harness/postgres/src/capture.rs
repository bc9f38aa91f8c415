//! Copies the data directory of a running server for the cache.
//!
//! Right after a checkpoint, while no other session is open, the files contain all data of the server.
//! They are copied immediately, except for the templates: these databases are only cloned, so their files
//! never change and can be copied later. Then tests can use the server. Meanwhile a single-user server
//! brings the copy to the state after a clean shutdown, and the copy is written to the cache.

use std::io;
use std::path::{Path, PathBuf};

use sqlx::Executor;

use super::Error;
use super::admin::Admin;
use super::cache::{Contents, NewEntry};
use super::copy::Listing;
use super::local::ServerFolder;
use super::query_limit::limited;
use spanproof_lease::{Guard, output};

/// A copy of the data directory of a running server.
#[derive(Debug)]
pub(super) struct Capture {
    /// The data directory of the running server.
    data: PathBuf,
    /// The copy of the files that the server may change.
    copy: PathBuf,
    /// Folders of the template databases, which are only cloned.
    templates: Vec<PathBuf>,
    /// The folders of the template and of its unused clone, whose files are equal.
    template_and_clone: Option<(PathBuf, PathBuf)>,
    /// The command that starts a single-user server on the copy.
    single_user_server: std::process::Command,
    /// Stops the single-user server if this process is killed.
    _guard: Guard,
}

impl Capture {
    /// Copies the data directory. The caller makes sure that no other session is open on the server.
    /// `template_and_clone` are a template and a clone of it that has not been used.
    ///
    /// # Errors
    /// If the server refuses, or there is no room for the copy.
    pub(super) async fn take(
        server: &ServerFolder,
        admin: &Admin,
        template_and_clone: Option<[String; 2]>,
    ) -> Result<Self, Error> {
        let sql = "select datname::text, 'base/' || oid, datistemplate from pg_database";
        let databases: Vec<(String, String, bool)> =
            limited(sqlx::query_as(sql).fetch_all(&admin.pool))
                .await
                .map_err(Error::database("list the folders of the databases"))?;
        limited(admin.pool.execute("checkpoint"))
            .await
            .map_err(Error::database("make a checkpoint"))?;
        let folder = |name: &str| {
            let found = databases.iter().find(|(other, ..)| other == name);
            found.map(|(_, folder, _)| PathBuf::from(folder))
        };
        let template_and_clone =
            template_and_clone.and_then(|[template, clone]| folder(&template).zip(folder(&clone)));
        let is_template = databases.iter().filter(|(.., is_template)| *is_template);
        let mut templates: Vec<_> = is_template.map(|(_, folder, _)| folder.into()).collect();
        templates.extend(template_and_clone.iter().map(|(template, _)| template.clone()));
        let (data, copy) = (server.data(), server.path().join("capture"));
        let clone = template_and_clone.as_ref().map(|(_, clone)| clone.clone());
        let left_out: Vec<_> = templates.iter().cloned().chain(clone).collect();
        let failed = || Error::system("could not copy the data directory");
        let mut listing = list_files(&data).map_err(failed())?;
        listing.files.retain(|path| !left_out.iter().any(|folder| path.starts_with(folder)));
        listing.copy(&data, &copy, server.owner()).map_err(failed())?;
        let (single_user_server, guard) = server.single_user_server(&copy)?;
        Ok(Self { data, copy, templates, template_and_clone, single_user_server, _guard: guard })
    }

    /// Stores the copy in the cache.
    ///
    /// # Errors
    /// If the single-user server fails, or the cache can't be written.
    pub(super) async fn store(self, entry: NewEntry, label: String) -> io::Result<()> {
        let Self { data, copy, templates, template_and_clone, single_user_server, _guard } = self;
        let output = output(single_user_server).await?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            let error = format!("the single-user server failed: {}", errors.trim());
            return Err(io::Error::other(error));
        }
        let store = move || {
            let Listing { folders, files } = list_files(&copy)?;
            let mut files: Vec<_> = files.into_iter().map(|p| (p.clone(), copy.join(p))).collect();
            for template in &templates {
                let pair = template_and_clone.iter().find(|(original, _)| original == template);
                for file in list_files(&data.join(template))?.files {
                    let from = data.join(template).join(&file);
                    let targets = std::iter::once(template).chain(pair.map(|(_, clone)| clone));
                    files.extend(targets.map(|target| (target.join(&file), from.clone())));
                }
            }
            entry.store(Contents { label, folders, files, templates })?;
            std::fs::remove_dir_all(copy)
        };
        tokio::task::spawn_blocking(store)
            .await
            .unwrap_or_else(|panic| Err(io::Error::other(panic)))
    }
}

/// Lists the files of a data directory, or of the folder of a database. Leaves out the lock file of
/// the running server, and the free space and visibility maps: these maps are a fifth of the files
/// of each clone, and a server creates them again when a table needs them.
fn list_files(root: &Path) -> io::Result<Listing> {
    let mut listing = Listing::read(root)?;
    listing.files.retain(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        name != "postmaster.pid" && !name.ends_with("_fsm") && !name.ends_with("_vm")
    });
    Ok(listing)
}
