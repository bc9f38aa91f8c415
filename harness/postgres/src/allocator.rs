//! Names, creates and drops the databases of one run: those that one process uses on one server.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::Error;
use super::admin::Admin;
use super::background::Background;
use super::drop_queue::{DropQueue, DropsPaused};
use super::query_limit::limited;
use super::run::Run;

/// Names, creates and drops the databases of one run.
#[derive(Debug)]
pub(super) struct Allocator {
    pub(super) admin: Admin,
    pub(super) run: Run,
    pub(super) drop_queue: DropQueue,
    /// The task that copies the migrated databases, from which others are cloned, from the cache. No database can
    /// be created before this task ends.
    pub(super) copying: Background,
    /// Whether this crate started the server. Then the databases left on it are removed with the server.
    pub(super) is_ours: bool,
    next_number: AtomicU32,
}

impl Allocator {
    /// While the server creates databases, drops are deferred as long as the file system of `folder`, the
    /// server's folder, has enough free space. Without a folder, they are never deferred.
    pub(super) fn new(
        admin: Admin,
        run: Run,
        copying: Background,
        folder: Option<PathBuf>,
        is_ours: bool,
    ) -> Self {
        let drop_queue = DropQueue::new(folder);
        Self { admin, run, drop_queue, copying, is_ours, next_number: AtomicU32::new(0) }
    }

    /// Returns a name that no other database has. `kind` is a part of the name, such as `empty`.
    pub(super) fn new_name(&self, kind: &str) -> String {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        self.run.database(kind, &number.to_string())
    }

    /// Creates an empty database.
    pub(super) async fn create_empty(&self, name: &str) -> Result<(), Error> {
        self.clone_database("template0", name).await
    }

    /// Creates a copy of `template`.
    pub(super) async fn clone_database(&self, template: &str, name: &str) -> Result<(), Error> {
        self.copying.wait().await?;
        self.admin.create(name, template).await
    }

    /// Defers drops until the returned value is dropped.
    pub(super) fn pause_drops(&self) -> DropsPaused<'_> {
        self.drop_queue.pause()
    }

    /// Drops a database, and terminates the sessions on it. On a server that this crate started, only adds it to
    /// the queue of drops.
    pub(super) async fn discard(self: &Arc<Self>, name: String) -> Result<(), Error> {
        if !self.is_ours {
            return self.admin.drop_database(&name).await;
        }
        self.drop_queue.push(name);
        let allocator = Arc::clone(self);
        tokio::spawn(async move { allocator.drop_due().await });
        Ok(())
    }

    /// Drops the discarded databases that no longer have to wait.
    pub(super) async fn drop_due(&self) {
        self.drop_queue.drop_due(&self.admin).await;
    }

    /// Drops every database of this run.
    pub(super) async fn drop_all(&self) -> Result<(), Error> {
        let sql = "select datname::text from pg_database where datname like $1";
        let query = sqlx::query_scalar(sql).bind(self.run.like_pattern());
        let names: Vec<String> = limited(query.fetch_all(&self.admin.pool))
            .await
            .map_err(Error::database("list the databases of this run"))?;
        for name in names {
            self.admin.drop_database(&name).await?;
        }
        Ok(())
    }
}
