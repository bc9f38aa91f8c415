//! The databases of one run on a server: how they are named, made and given up.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::Error;
use super::admin::Admin;
use super::background::Background;
use super::discards::{Busy, Discards};
use super::run::Run;

/// Names, makes and drops the databases of one run.
#[derive(Debug)]
pub(super) struct Catalog {
    pub(super) admin: Admin,
    pub(super) run: Run,
    pub(super) discards: Discards,
    /// What must be there before anything is cloned.
    pub(super) copying: Background,
    /// Whether everything on the server is ours.
    pub(super) own: bool,
    next: AtomicU32,
}

impl Catalog {
    /// `folder` has the files of a server of ours; `None` if no drop may be put off.
    pub(super) fn new(
        admin: Admin,
        run: Run,
        copying: Background,
        folder: Option<PathBuf>,
        own: bool,
    ) -> Self {
        let discards = Discards::new(folder);
        Self { admin, run, discards, copying, own, next: AtomicU32::new(0) }
    }

    /// A name that no other database has.
    pub(super) fn name(&self, kind: &str) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.run.database(kind, &number.to_string())
    }

    /// Makes a database with nothing in it.
    pub(super) async fn create(&self, name: &str) -> Result<(), Error> {
        self.clone_of("template0", name).await
    }

    /// Makes a database that is a copy of `template`.
    pub(super) async fn clone_of(&self, template: &str, name: &str) -> Result<(), Error> {
        self.copying.end().await?;
        self.admin.create(name, template).await
    }

    /// While the result lives, no drop that can wait is done.
    pub(super) fn busy(&self) -> Busy<'_> {
        self.discards.busy()
    }

    /// Drops a database that nobody is connected to: in the background where the server is ours.
    pub(super) async fn discard(self: &Arc<Self>, name: String) -> Result<(), Error> {
        if !self.own {
            return self.admin.drop_database(&name).await;
        }
        self.discards.add(name);
        let catalog = Arc::clone(self);
        tokio::spawn(async move { catalog.tidy().await });
        Ok(())
    }

    /// Drops what was discarded and is due.
    pub(super) async fn tidy(&self) {
        self.discards.tidy(&self.admin).await;
    }

    /// Drops every database of this run.
    pub(super) async fn drop_all(&self) -> Result<(), Error> {
        let names: Vec<String> =
            sqlx::query_scalar("select datname::text from pg_database where datname like $1")
                .bind(self.run.pattern())
                .fetch_all(&self.admin.pool)
                .await
                .map_err(Error::database("list the databases of this run"))?;
        for name in names {
            self.admin.drop_database(&name).await?;
        }
        Ok(())
    }
}
