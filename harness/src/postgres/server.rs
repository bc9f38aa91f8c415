//! A disposable server: databases of their own for whoever asks, migrated or empty.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{Mutex, OnceCell};

use super::admin::{Admin, Started};
use super::source::{Options, Picked};
use super::{Database, Error, Migrations, given};

/// A running server. Cheap to clone; it stops when [`Server::close`] is called or when the last
/// clone and the last [`Database`] on it are gone.
#[derive(Debug, Clone)]
pub struct Server(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    admin: Admin,
    started: Started,
    /// Part of every name, so that two runs on one server never meet.
    run: String,
    next: AtomicU32,
    templates: Mutex<HashMap<String, Arc<OnceCell<Database>>>>,
}

impl Server {
    /// Starts a server from the first source of `options` that works.
    ///
    /// # Errors
    /// When no source works; the error names each with its reason.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let (admin, started) = Admin::start(options).await?;
        let run = uuid::Uuid::new_v4().simple().to_string()[..8].to_owned();
        Ok(Self(Arc::new(Inner {
            admin,
            started,
            run,
            next: AtomicU32::new(0),
            templates: Mutex::default(),
        })))
    }

    /// The one server of this process, started on first use and removed when the process ends.
    ///
    /// # Errors
    /// When it can't be started.
    pub async fn shared() -> Result<Self, Error> {
        static SHARED: OnceCell<Server> = OnceCell::const_new();
        SHARED.get_or_try_init(|| Self::start(Options::default())).await.cloned()
    }

    /// Which source was picked, which version it is, and why others were passed over.
    pub fn picked(&self) -> &Picked {
        &self.0.started.picked
    }

    /// A fresh database with nothing in it.
    ///
    /// # Errors
    /// When the server refuses to create it.
    pub async fn empty(&self) -> Result<Database, Error> {
        let name = self.name("empty");
        self.create(name, "template0", true).await
    }

    /// A fresh database with `migrations` applied: a clone of a template that is made once.
    ///
    /// # Errors
    /// When a migration fails or the server refuses to clone.
    pub async fn migrated(&self, migrations: &Migrations) -> Result<Database, Error> {
        let template = self.template(migrations).await?;
        let name = self.name("case");
        self.create(name, &template, false).await
    }

    /// Makes the template of `migrations`, if it is not there yet.
    ///
    /// # Errors
    /// When a migration fails; nothing of the half-made template stays.
    pub async fn prepare(&self, migrations: &Migrations) -> Result<(), Error> {
        self.template(migrations).await.map(drop)
    }

    async fn template(&self, migrations: &Migrations) -> Result<String, Error> {
        let fingerprint = migrations.fingerprint();
        let cell =
            Arc::clone(self.0.templates.lock().await.entry(fingerprint.clone()).or_default());
        let template = cell
            .get_or_try_init(|| async {
                let name = format!("spanproof_{}_template_{fingerprint}", self.0.run);
                let database = self.create(name, "template0", true).await?;
                migrations.apply(database.url()).await?;
                Ok::<_, Error>(database)
            })
            .await?;
        Ok(template.name().to_owned())
    }

    fn name(&self, kind: &str) -> String {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        format!("spanproof_{}_{kind}_{number}", self.0.run)
    }

    /// Names are made here and hold only letters, digits and `_`.
    async fn create(&self, name: String, template: &str, utf8: bool) -> Result<Database, Error> {
        let encoding = if utf8 { " encoding 'UTF8'" } else { "" };
        // Copying files costs a third of writing each page to the log; before 15 it was the only way.
        let strategy = if self.0.started.picked.version >= 15 { " strategy file_copy" } else { "" };
        let sql = format!("create database {name} template {template}{strategy}{encoding}");
        self.0.admin.execute(format!("create database `{name}`"), sql).await?;
        let url = given::with_database(&self.0.started.url, &name)?;
        Ok(Database::new(name, url, self.0.admin.clone()))
    }

    /// Stops the server after everything that was asked for is done, and says if that failed.
    ///
    /// # Errors
    /// When a database can't be dropped or a container can't be removed.
    pub async fn close(self) -> Result<(), Error> {
        for (_, cell) in self.0.templates.lock().await.drain() {
            if let Some(database) = Arc::into_inner(cell).and_then(OnceCell::into_inner) {
                database.close().await?;
            }
        }
        self.0.admin.close().await
    }
}
