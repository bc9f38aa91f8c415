//! A server with everything of ours on it: templates, pools of clones, what is kept, how it ends.
//!
//! It lives on the server's thread, which a [`Handle`](super::handle::Handle) reaches.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Mutex, OnceCell};
use tokio::task::JoinSet;

use super::background::Background;
use super::catalog::Catalog;
use super::engine::Engine;
use super::origin::Origin;
use super::pool::Pool;
use super::run::Run;
use super::sharing::SharedServer;
use super::{Error, LogEntry, Migrations, given, local, log, password, sweep};

/// A server that runs, with everything of ours on it.
#[derive(Debug)]
pub(super) struct Databases {
    pub(super) catalog: Arc<Catalog>,
    pub(super) origin: Origin,
    /// What is worth waiting for before this process ends.
    pub(super) storing: Background,
    engine: Mutex<Option<Engine>>,
    url: String,
    pools: Mutex<HashMap<String, Arc<OnceCell<Arc<Pool>>>>>,
    shared: bool,
    kept: AtomicBool,
    /// The folder of a server of ours.
    folder: Option<PathBuf>,
}

impl Databases {
    pub(super) fn new(server: SharedServer, run: Run) -> Self {
        let SharedServer { running, shared } = server;
        let (folder, own) = (running.engine.folder(), running.engine.own());
        let catalog = Catalog::new(running.admin, run, running.copying, folder.clone(), own);
        Self {
            catalog: Arc::new(catalog),
            origin: running.origin,
            storing: running.storing,
            folder,
            engine: Mutex::new(Some(running.engine)),
            url: running.url,
            pools: Mutex::default(),
            shared,
            kept: AtomicBool::new(false),
        }
    }

    /// Whether the server outlives this run, with what is left on it.
    pub(super) fn lasts(&self) -> bool {
        self.shared || !self.catalog.own
    }

    /// Drops what dead runs left on the server.
    pub(super) async fn sweep(&self) {
        let Catalog { admin, run, discards, own, .. } = &*self.catalog;
        if !own {
            return sweep::sweep(&admin.pool, run).await;
        }
        for name in sweep::dead(&admin.pool, run).await {
            discards.add(name);
        }
        self.catalog.tidy().await;
    }

    /// The URL of the database of that name.
    pub(super) fn url(&self, name: &str) -> Result<String, Error> {
        given::with_database(&self.url, name)
    }

    /// A database with nothing in it.
    pub(super) async fn empty(&self) -> Result<String, Error> {
        let name = self.catalog.name("empty");
        self.explained(self.catalog.create(&name).await).await?;
        Ok(name)
    }

    /// A database with `migrations` applied, made ahead where there was time for it.
    pub(super) async fn migrated(&self, migrations: &Migrations) -> Result<String, Error> {
        let pool = self.pool(migrations).await?;
        self.explained(pool.take(&self.catalog).await).await
    }

    /// The pool of a template, which is made on first use.
    pub(super) async fn pool(&self, migrations: &Migrations) -> Result<Arc<Pool>, Error> {
        let fingerprint = migrations.fingerprint();
        let cell = Arc::clone(self.pools.lock().await.entry(fingerprint.clone()).or_default());
        let made = cell
            .get_or_try_init(|| async {
                let (template, first) = self.template(migrations, &fingerprint).await?;
                Ok(Arc::new(Pool::new(template, first)))
            })
            .await;
        self.explained(made.cloned()).await
    }

    /// The template's name, and the clone of it that came with the data directory, if nobody else
    /// has that.
    async fn template(
        &self,
        migrations: &Migrations,
        fingerprint: &str,
    ) -> Result<(String, Option<String>), Error> {
        let Catalog { admin, run, own, .. } = &*self.catalog;
        let name = if *own {
            run.prefix().template(fingerprint)
        } else {
            run.database("template", fingerprint)
        };
        if *own {
            let (ready, first) = (run.prefix().first_clone(fingerprint), self.catalog.name("case"));
            // Whoever renames it has it.
            if admin.rename(&ready, &first).await.is_ok() {
                return Ok((name, Some(first)));
            }
        }
        if admin.exists(&name).await? {
            return Ok((name, None));
        }
        // It gets its name when it is complete; whoever makes the same at the same time is first
        // or second, and the second one uses the first one's.
        let making = run.database("making", fingerprint);
        let made = self.make(&making, &name, migrations).await;
        if made.is_err() {
            let _gone = admin.drop_database(&making).await;
            if !admin.exists(&name).await? {
                made?;
            }
        }
        Ok((name, None))
    }

    async fn make(&self, making: &str, name: &str, migrations: &Migrations) -> Result<(), Error> {
        self.catalog.create(making).await?;
        migrations.apply(&self.url(making)?).await?;
        self.catalog.admin.rename(making, name).await
    }

    /// Keeps one database beyond our end, and gives the command that opens it.
    pub(super) async fn keep(&self, name: &str, url: &str) -> Result<String, Error> {
        let Catalog { admin, run, own, .. } = &*self.catalog;
        if *own {
            if let Some(folder) = &self.folder {
                let marked = run.prefix().mark(folder);
                marked.map_err(Error::system("the server's folder can't be marked as kept"))?;
            }
            if let Some(engine) = &*self.engine.lock().await {
                engine.keep()?;
            }
            self.kept.store(true, Ordering::Relaxed);
            return Ok(psql(url));
        }
        let kept = run.prefix().kept_name(name);
        admin.rename(name, &kept).await?;
        Ok(psql(&password::masked(&self.url(&kept)?)))
    }

    /// What the server's log says about a database; `None` if it can't be read.
    pub(super) fn log(&self, database: &str) -> Option<Vec<LogEntry>> {
        let file = self.folder.as_ref()?.join(local::LOG_FILE);
        let text = std::fs::read(file).ok()?;
        Some(log::entries(&String::from_utf8_lossy(&text), database))
    }

    /// An error with what the server itself says, where it has died.
    pub(super) async fn explained<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        let Err(error @ (Error::Database { .. } | Error::Login { .. })) = result else {
            return result;
        };
        let died = match &mut *self.engine.lock().await {
            Some(engine) => engine.died(async || self.answers().await).await,
            None => None,
        };
        Err(died.unwrap_or(error))
    }

    async fn answers(&self) -> bool {
        sqlx::query("select").execute(&self.catalog.admin.pool).await.is_ok()
    }

    /// Drops what is ours, or stops the server where all of it is.
    pub(super) async fn end(&self, mut running: JoinSet<()>) -> Result<(), Error> {
        let Some(engine) = self.engine.lock().await.take() else { return Ok(()) };
        let Catalog { admin, discards, copying, own, .. } = &*self.catalog;
        let stays = self.shared || self.kept.load(Ordering::Relaxed);
        // Both have to do with its files.
        copying.settle().await;
        self.storing.settle().await;
        if engine.disposable() && !stays {
            running.shutdown().await;
            // Nobody is left who could be told that a connection ends.
            return engine.stop(stays).await;
        }
        discards.end();
        while running.join_next().await.is_some() {}
        let dropped = if *own { Ok(()) } else { self.drop_all().await };
        if self.kept.load(Ordering::Relaxed) {
            discards.clear(admin).await;
        }
        admin.pool.close().await;
        engine.stop(stays).await?;
        dropped
    }

    /// Drops every database of this run: templates, what was made ahead, what is still held.
    async fn drop_all(&self) -> Result<(), Error> {
        for pool in self.pools.lock().await.drain() {
            if let Some(pool) = pool.1.get() {
                pool.close().await;
            }
        }
        self.catalog.drop_all().await
    }
}

fn psql(url: &str) -> String {
    format!("psql '{}'", url.replace('\'', "%27"))
}
