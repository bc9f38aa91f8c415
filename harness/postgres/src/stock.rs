//! A server's databases: templates, what is made ahead, what is dropped. Lives on its thread.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio::sync::{Mutex, OnceCell};
use tokio::task::JoinSet;

use super::background::Background;
use super::discards::Discards;
use super::engine::Engine;
use super::login::{Login, Run};
use super::meeting::Met;
use super::pool::Pool;
use super::source::Picked;
use super::{Error, LogEntry, Migrations, cluster, database, given, local, log, sweep};

/// How the name of a database starts that is kept on a server which is not ours.
pub(super) const KEPT: &str = "spanproof_kept_";

/// A server that runs, with everything of ours on it.
#[derive(Debug)]
pub(super) struct Stock {
    pub(super) login: Login,
    pub(super) picked: Picked,
    pub(super) discards: Discards,
    /// What must be there before anything is cloned.
    pub(super) copying: Background,
    /// What is worth waiting for before this process ends.
    pub(super) storing: Background,
    engine: Mutex<Option<Engine>>,
    own: bool,
    url: String,
    run: Run,
    next: AtomicU32,
    pools: Mutex<HashMap<String, Arc<OnceCell<Arc<Pool>>>>>,
    shared: bool,
    kept: AtomicBool,
    /// The folder of a server of ours.
    folder: Option<PathBuf>,
}

impl Stock {
    pub(super) fn new(met: Met, run: Run) -> Self {
        let Met { running, shared } = met;
        Self {
            login: running.login,
            picked: running.picked,
            discards: Discards::new(running.engine.folder()),
            copying: running.copying,
            storing: running.storing,
            folder: running.engine.folder(),
            own: running.engine.own(),
            engine: Mutex::new(Some(running.engine)),
            url: running.url,
            run,
            next: AtomicU32::new(0),
            pools: Mutex::default(),
            shared,
            kept: AtomicBool::new(false),
        }
    }

    /// Whether the server outlives this run, with what is left on it.
    pub(super) fn lasts(&self) -> bool {
        self.shared || !self.own
    }

    /// Drops what dead runs left on the server.
    pub(super) async fn sweep(&self) {
        let (pool, run) = (&self.login.pool, self.run.id());
        if !self.own {
            return sweep::sweep(pool, run).await;
        }
        for name in sweep::dead(pool, run).await {
            self.discards.add(name);
        }
        self.tidy().await;
    }

    /// Drops a database that nobody is connected to: in the background where the server is ours.
    pub(super) async fn discard(self: &Arc<Self>, name: String) -> Result<(), Error> {
        if !self.own {
            return database::drop_database(&self.login, &name).await;
        }
        self.discards.add(name);
        let stock = Arc::clone(self);
        tokio::spawn(async move { stock.tidy().await });
        Ok(())
    }

    /// Drops what was discarded and is due.
    pub(super) async fn tidy(&self) {
        self.discards.tidy(&self.login).await;
    }

    /// The URL of the database of that name.
    pub(super) fn url(&self, name: &str) -> Result<String, Error> {
        given::with_database(&self.url, name)
    }

    /// A name that no other database has.
    pub(super) fn name(&self, kind: &str) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.run.database(kind, &number.to_string())
    }

    /// A database with nothing in it.
    pub(super) async fn empty(&self) -> Result<String, Error> {
        let name = self.name("empty");
        self.copying.end().await?;
        self.explained(database::create(&self.login, &name, "template0").await).await?;
        Ok(name)
    }

    /// A database with `migrations` applied, made ahead where there was time for it.
    pub(super) async fn migrated(
        self: &Arc<Self>,
        migrations: &Migrations,
    ) -> Result<String, Error> {
        let pool = self.pool(migrations).await?;
        self.explained(pool.take(self).await).await
    }

    /// The pool of a template, which is made on first use.
    pub(super) async fn pool(&self, migrations: &Migrations) -> Result<Arc<Pool>, Error> {
        let fingerprint = migrations.fingerprint();
        let cell = Arc::clone(self.pools.lock().await.entry(fingerprint.clone()).or_default());
        let made = cell
            .get_or_try_init(|| async {
                let (template, claim) = self.template(migrations, &fingerprint).await?;
                Ok(Arc::new(Pool::new(template, claim)))
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
        let name = if self.own {
            cluster::template(fingerprint)
        } else {
            self.run.database("template", fingerprint)
        };
        if self.own {
            let (ready, first) = (cluster::ready(fingerprint), self.name("case"));
            // Whoever renames it has it.
            if database::rename(&self.login, &ready, &first).await.is_ok() {
                return Ok((name, Some(first)));
            }
        }
        if self.exists(&name).await? {
            return Ok((name, None));
        }
        // It gets its name when it is complete; whoever makes the same at the same time is first
        // or second, and the second one uses the first one's.
        let making = self.run.database("making", fingerprint);
        let made = self.make(&making, &name, migrations).await;
        if made.is_err() {
            let _gone = database::drop_database(&self.login, &making).await;
            if !self.exists(&name).await? {
                made?;
            }
        }
        Ok((name, None))
    }

    async fn make(&self, making: &str, name: &str, migrations: &Migrations) -> Result<(), Error> {
        self.copying.end().await?;
        database::create(&self.login, making, "template0").await?;
        migrations.apply(&self.url(making)?).await?;
        database::rename(&self.login, making, name).await
    }

    async fn exists(&self, name: &str) -> Result<bool, Error> {
        sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(name)
            .fetch_one(&self.login.pool)
            .await
            .map_err(Error::database(format!("look for database `{name}`")))
    }

    /// Keeps one database beyond our end, and gives the command that opens it.
    pub(super) async fn keep(&self, name: &str, url: &str) -> Result<String, Error> {
        if self.own {
            if let Some(engine) = &*self.engine.lock().await {
                engine.keep()?;
            }
            self.kept.store(true, Ordering::Relaxed);
            return Ok(psql(url));
        }
        let kept = format!("{KEPT}{}", name.trim_start_matches("spanproof_"));
        database::rename(&self.login, name, &kept).await?;
        Ok(psql(&given::shown(&self.url(&kept)?)))
    }

    /// What the server's log says about a database; nothing where it can't be read.
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
        sqlx::query("select").execute(&self.login.pool).await.is_ok()
    }

    /// Drops what is ours, or stops the server where all of it is.
    pub(super) async fn end(&self, mut running: JoinSet<()>) -> Result<(), Error> {
        let Some(engine) = self.engine.lock().await.take() else { return Ok(()) };
        let stays = self.shared || self.kept.load(Ordering::Relaxed);
        // Both have to do with its files.
        self.copying.settle().await;
        self.storing.settle().await;
        if engine.disposable() && !stays {
            running.shutdown().await;
            // Nobody is left who could be told that a connection ends.
            return engine.stop(stays).await;
        }
        self.discards.end();
        while running.join_next().await.is_some() {}
        let dropped = if self.own { Ok(()) } else { self.drop_all().await };
        if self.kept.load(Ordering::Relaxed) {
            self.discards.clear(&self.login).await;
        }
        self.login.pool.close().await;
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
        let pattern = format!("spanproof\\_{}\\_%", self.run.id());
        let names: Vec<String> =
            sqlx::query_scalar("select datname::text from pg_database where datname like $1")
                .bind(pattern)
                .fetch_all(&self.login.pool)
                .await
                .map_err(Error::database("list the databases of this run"))?;
        for name in names {
            database::drop_database(&self.login, &name).await?;
        }
        Ok(())
    }
}

fn psql(url: &str) -> String {
    format!("psql '{}'", url.replace('\'', "%27"))
}
