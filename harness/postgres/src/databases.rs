//! The databases of one server: templates, pre-made clones of templates, and databases that are
//! dropped later. A template has all migrations applied. A run is the use of the server by one
//! process.
//!
//! For each server there is a thread that owns these databases. A [`Handle`](super::handle::Handle)
//! sends requests to this thread.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Mutex, MutexGuard, OnceCell};
use tokio::task::JoinSet;

use super::allocator::Allocator;
use super::background::Background;
use super::engine::Engine;
use super::log::Log;
use super::origin::Origin;
use super::pool::Pool;
use super::query_limit::limited;
use super::run::Run;
use super::sharing::SharedServer;
use super::{Error, LogEntry, Migrations, collected_log, existing, local, password, sweep};

/// A running server with our databases on it.
#[derive(Debug)]
pub(super) struct Databases {
    pub(super) allocator: Arc<Allocator>,
    pub(super) origin: Origin,
    /// The task that stores the data directory in the cache.
    pub(super) storing: Background,
    /// `None` after the server was closed.
    engine: Mutex<Option<Engine>>,
    /// The URL of one database of the server.
    url: String,
    /// The clones of each template, by the fingerprint of the template's migrations.
    pools: Mutex<HashMap<String, Arc<OnceCell<Arc<Pool>>>>>,
    /// Whether other processes may use the server.
    shared: bool,
    /// Whether a database is kept on a server that this crate started, so the server is kept, too.
    kept: AtomicBool,
    /// The folder of a server that this crate has started; `None` for an existing server.
    folder: Option<PathBuf>,
    log: Mutex<Log>,
}

impl Databases {
    pub(super) fn new(server: SharedServer, run: Run) -> Self {
        let SharedServer { running, shared } = server;
        let (folder, is_ours) = (running.engine.folder(), running.engine.is_ours());
        let allocator =
            Allocator::new(running.admin, run, running.copying, folder.clone(), is_ours);
        Self {
            log: Mutex::new(Log::new(&allocator.run)),
            allocator: Arc::new(allocator),
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

    /// Returns whether the server keeps running after this run.
    pub(super) fn server_outlives_run(&self) -> bool {
        self.shared || !self.allocator.is_ours
    }

    /// Drops the databases that dead runs left on the server.
    pub(super) async fn sweep(&self) {
        let Allocator { admin, run, drop_queue, is_ours, .. } = &*self.allocator;
        if !is_ours {
            return sweep::sweep(&admin.pool, run).await;
        }
        for name in sweep::dead_databases(&admin.pool, run).await {
            drop_queue.push(name);
        }
        self.allocator.drop_due().await;
    }

    /// Returns the URL of the database with this name.
    pub(super) fn url(&self, name: &str) -> Result<String, Error> {
        existing::with_database(&self.url, name)
    }

    /// Creates an empty database and returns its name.
    pub(super) async fn create_empty(&self) -> Result<String, Error> {
        let name = self.allocator.new_name("empty");
        self.explain(self.allocator.create_empty(&name).await).await?;
        Ok(name)
    }

    /// Returns the name of a database with `migrations` applied. The database may have been created
    /// before this call.
    pub(super) async fn take_clone(&self, migrations: &Migrations) -> Result<String, Error> {
        let pool = self.pool(migrations).await?;
        self.explain(pool.take(&self.allocator).await).await
    }

    /// Returns the pool of the migrations' template, which is created on first use.
    pub(super) async fn pool(&self, migrations: &Migrations) -> Result<Arc<Pool>, Error> {
        let fingerprint = migrations.fingerprint();
        let cell = Arc::clone(self.pools.lock().await.entry(fingerprint.clone()).or_default());
        let pool = cell
            .get_or_try_init(|| async {
                let (template, first) = self.template(migrations, &fingerprint).await?;
                Ok(Arc::new(Pool::new(template, first)))
            })
            .await;
        self.explain(pool.cloned()).await
    }

    /// Returns the name of the template, which is created if it does not exist yet, and the name of
    /// a first clone. Only a data directory from the cache contains a first clone. The second name
    /// is `None` if there is no first clone, or if another process has taken it.
    async fn template(
        &self,
        migrations: &Migrations,
        fingerprint: &str,
    ) -> Result<(String, Option<String>), Error> {
        let Allocator { admin, run, is_ours, .. } = &*self.allocator;
        let name = if *is_ours {
            run.prefix().template(fingerprint)
        } else {
            run.database("template", fingerprint)
        };
        if *is_ours {
            let cached_clone = run.prefix().first_clone(fingerprint);
            let first = self.allocator.new_name("case");
            // A process takes the clone by renaming it, which only one process can do.
            if admin.rename(&cached_clone, &first).await.is_ok() {
                return Ok((name, Some(first)));
            }
        }
        if admin.exists(&name).await? {
            return Ok((name, None));
        }
        // The template gets its name when it is complete. If two processes create the same template at
        // the same time, the process that finishes later uses the other's template.
        let incomplete = run.database("making", fingerprint);
        let created = self.create_template(&incomplete, &name, migrations).await;
        if created.is_err() {
            let _dropped = admin.drop_database(&incomplete).await;
            if !admin.exists(&name).await? {
                created?;
            }
        }
        Ok((name, None))
    }

    async fn create_template(
        &self,
        incomplete: &str,
        name: &str,
        migrations: &Migrations,
    ) -> Result<(), Error> {
        self.allocator.create_empty(incomplete).await?;
        migrations.apply(&self.url(incomplete)?).await?;
        self.allocator.admin.rename(incomplete, name).await
    }

    /// Keeps one database after the end of this run, and returns the `psql` command that connects
    /// to it.
    pub(super) async fn keep(&self, name: &str, url: &str) -> Result<String, Error> {
        let Allocator { admin, run, is_ours, .. } = &*self.allocator;
        if *is_ours {
            if let Some(folder) = &self.folder {
                let marked = run.prefix().mark(folder);
                marked.map_err(Error::system("could not mark the server's folder as kept"))?;
            }
            let mut socket = None;
            if let Some(engine) = &*self.engine.lock().await {
                engine.keep()?;
                socket = engine.socket_url();
            }
            self.kept.store(true, Ordering::Relaxed);
            let socket = socket.map(|socket| existing::with_database(&socket, name)).transpose()?;
            return Ok(psql(socket.as_deref().unwrap_or(url)));
        }
        let kept = run.prefix().kept_name(name);
        admin.rename(name, &kept).await?;
        Ok(psql(&password::mask(&self.url(&kept)?)))
    }

    /// Returns the entries of the server's log about a database; `None` if the log can't be read.
    pub(super) async fn log(&self, database: &str) -> Option<Vec<LogEntry>> {
        Some(self.read_log().await?.entries_about(database).to_vec())
    }

    /// Returns the entries about databases that this crate did not create; `None` if the log can't be
    /// read.
    pub(super) async fn log_of_others(&self) -> Option<Vec<LogEntry>> {
        Some(self.read_log().await?.entries_about_others().to_vec())
    }

    /// Drops a database, at once or later, and forgets its part of the server's log.
    pub(super) async fn discard(&self, name: String) -> Result<(), Error> {
        self.log.lock().await.forget(&name);
        self.allocator.discard(name).await
    }

    /// Returns the names and URLs of the databases that this crate did not create. Leaves out templates:
    /// while a session is open on a template, no database can be created from it.
    pub(super) async fn others(&self) -> Result<Vec<(String, String)>, Error> {
        let admin = &self.allocator.admin;
        let sql = "select datname::text from pg_database \
                   where datallowconn and not datistemplate and not starts_with(datname, $1) order by 1";
        let query = sqlx::query_scalar(sql).bind(self.allocator.run.prefix().database_prefix());
        let names: Result<Vec<String>, _> = limited(query.fetch_all(&admin.pool)).await;
        let names = self.explain(names.map_err(Error::database("list the databases"))).await?;
        names.into_iter().map(|name| Ok((name.clone(), self.url(&name)?))).collect()
    }

    /// Returns the ids of the server's own processes.
    pub(super) async fn own_processes(&self) -> Result<BTreeSet<i32>, Error> {
        self.explain(self.allocator.admin.own_processes().await).await
    }

    /// Reads what was added to the server's log; `None` if it can't be read.
    async fn read_log(&self) -> Option<MutexGuard<'_, Log>> {
        let file = self.folder.as_ref()?.join(local::LOG_FILE);
        let mut log = self.log.lock().await;
        match File::open(file) {
            Ok(file) => log.read(file).ok()?,
            Err(_) => collected_log::read(&self.allocator.admin.pool, &mut log).await?,
        }
        Some(log)
    }

    /// If the server has died, replaces the error with one that contains the server's log.
    pub(super) async fn explain<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        let Err(error @ (Error::Database { .. } | Error::Login { .. })) = result else {
            return result;
        };
        let died = match &mut *self.engine.lock().await {
            Some(engine) => engine.death(async || self.answers().await).await,
            None => None,
        };
        Err(died.unwrap_or(error))
    }

    async fn answers(&self) -> bool {
        limited(sqlx::query("select").execute(&self.allocator.admin.pool)).await.is_ok()
    }

    /// Stops a server that only this process uses, unless a database on it is kept. Leaves a shared or kept
    /// server running with its databases; on a kept server, drops those that were discarded. On an
    /// existing server, drops the databases of this process that are not kept.
    pub(super) async fn close(&self, mut tasks: JoinSet<()>) -> Result<(), Error> {
        let Some(engine) = self.engine.lock().await.take() else { return Ok(()) };
        let Allocator { admin, drop_queue, copying, is_ours, .. } = &*self.allocator;
        let stays = self.shared || self.kept.load(Ordering::Relaxed);
        // The two tasks below read the server's files, which are removed with the server.
        copying.cancel_or_wait().await;
        self.storing.cancel_or_wait().await;
        if engine.can_stop_while_connected() && !stays {
            tasks.shutdown().await;
            // The server is about to stop, so its connections need not be closed first.
            return engine.stop().await;
        }
        drop_queue.close();
        while tasks.join_next().await.is_some() {}
        let dropped = if *is_ours { Ok(()) } else { self.drop_all().await };
        if self.kept.load(Ordering::Relaxed) {
            drop_queue.drop_all(admin).await;
        }
        admin.pool.close().await;
        if stays {
            engine.leave_running();
        } else {
            engine.stop().await?;
        }
        dropped
    }

    /// Drops every database of this run: templates, pre-made clones, and databases that are in use.
    async fn drop_all(&self) -> Result<(), Error> {
        for pool in self.pools.lock().await.drain() {
            if let Some(pool) = pool.1.get() {
                pool.close().await;
            }
        }
        self.allocator.drop_all().await
    }
}

fn psql(url: &str) -> String {
    format!("psql '{}'", url.replace('\'', "%27"))
}
