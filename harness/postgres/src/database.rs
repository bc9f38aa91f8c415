//! One database of a disposable server, dropped when it is no longer wanted.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Executor};

use super::admin::Admin;
use super::login::Login;
use super::source::Options;
use super::{Error, Migrations, Server};
use spanproof_lease::wait::{self, Look};

/// A connection whose holder has closed it takes the server a moment to notice.
const CLOSING: Duration = Duration::from_millis(500);
/// A session that was told to end does so within milliseconds.
const ENDING: Duration = Duration::from_secs(5);

/// A database that belongs to its holder alone. Dropping the value drops the database in the
/// background; [`Database::close`] does so and says if it failed.
#[derive(Debug)]
#[must_use = "the database is dropped together with this value"]
pub struct Database {
    name: String,
    url: String,
    admin: Option<Admin>,
}

impl Database {
    /// A fresh database with the migrations of `folder` applied, on the server that all tests of
    /// this run share.
    ///
    /// # Errors
    /// When the folder can't be read, no source gives a server, or a migration fails.
    pub async fn migrated(folder: impl AsRef<std::path::Path>) -> Result<Self, Error> {
        let migrations = Migrations::read(folder)?;
        let options = Options { migrations: Some(migrations.clone()), ..Options::default() };
        Server::join(options).await?.migrated(&migrations).await
    }

    pub(super) fn new(name: String, url: String, admin: Admin) -> Self {
        Self { name, url, admin: Some(admin) }
    }

    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A URL that every Postgres driver understands; it may hold a password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Drops the database.
    ///
    /// # Errors
    /// When somebody is still connected half a second later: each such session is named, and the
    /// database is dropped all the same. When the server refuses, for instance because it is gone.
    pub async fn close(mut self) -> Result<(), Error> {
        let Some(admin) = self.admin.take() else { return Ok(()) };
        let name = self.name.clone();
        admin
            .run(async move |stock| {
                stock.storing.settle().await;
                let left = sessions(&stock.login, &name).await;
                let dropped = match &left {
                    Ok(sessions) if sessions.is_empty() => stock.discard(name.clone()).await,
                    _ => drop_database(&stock.login, &name).await,
                };
                match (stock.explained(left).await?, stock.explained(dropped).await?) {
                    (sessions, ()) if sessions.is_empty() => Ok(()),
                    (sessions, ()) => {
                        Err(Error::Leaked { database: name, sessions: sessions.join("; ") })
                    }
                }
            })
            .await?
    }

    /// Keeps the database, and the server it is on, beyond the end of this process.
    /// `spanproof clean` removes what is kept. Gives the command that opens it in `psql`; the
    /// password of a server that is not ours is left out.
    ///
    /// # Errors
    /// When it can't be marked as kept.
    pub async fn keep(mut self) -> Result<String, Error> {
        let Some(admin) = self.admin.take() else { return Ok(self.url.clone()) };
        let (name, url) = (self.name.clone(), self.url.clone());
        admin.run(async move |stock| stock.keep(&name, &url).await).await?
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(admin) = self.admin.take() {
            let name = std::mem::take(&mut self.name);
            admin.run_later(async move |stock| {
                let _dropped = stock.discard(name).await;
            });
            admin.storing.block();
        }
    }
}

/// Makes `name`, which is one of ours: letters, digits and `_`. What is made from `template0` is
/// in UTF-8, whatever the server's own encoding is.
pub(super) async fn create(login: &Login, name: &str, template: &str) -> Result<(), Error> {
    let encoding = if template == "template0" { " encoding 'UTF8'" } else { "" };
    // Copying files costs a third of writing each page to the log; before 15 it was the only way.
    let strategy = if login.version >= 15 { " strategy file_copy" } else { "" };
    let sql = format!("create database {name} template {template}{strategy}{encoding}");
    execute(login, format!("create database `{name}`"), sql).await
}

/// Renames a database of ours.
pub(super) async fn rename(login: &Login, from: &str, to: &str) -> Result<(), Error> {
    let sql = format!("alter database {from} rename to {to}");
    execute(login, format!("rename database `{from}`"), sql).await
}

/// Drops a database of ours; whoever is still connected is thrown out.
pub(super) async fn drop_database(login: &Login, name: &str) -> Result<(), Error> {
    // `with (force)` alone naps for 100 ms where somebody is connected, so it finds nobody.
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1";
    let ended = sqlx::query(end).bind(name).fetch_all(&login.pool).await;
    if ended.is_ok_and(|ended| !ended.is_empty()) {
        let _gone = wait::closely("the end of its sessions", ENDING, || async {
            match count(login, name).await {
                Ok(0) => Look::Done(()),
                seen => Look::NotYet(format!("{seen:?}")),
            }
        })
        .await;
    }
    vanish(login, name).await
}

async fn vanish(login: &Login, name: &str) -> Result<(), Error> {
    let sql = format!("drop database if exists {name} with (force)");
    execute(login, format!("drop database `{name}`"), sql).await
}

async fn count(login: &Login, name: &str) -> Result<i64, sqlx::Error> {
    let sql = "select count(*) from pg_stat_activity where datname = $1";
    sqlx::query_scalar(sql).bind(name).fetch_one(&login.pool).await
}

/// Who is still connected when those who have closed their connection are gone.
async fn sessions(login: &Login, name: &str) -> Result<Vec<String>, Error> {
    let looked = wait::closely("the end of its sessions", CLOSING, || async {
        match count(login, name).await {
            Ok(1..) => Look::NotYet("sessions".into()),
            other => Look::Done(other),
        }
    })
    .await;
    let failed = || Error::database(format!("look for sessions on `{name}`"));
    if let Ok(looked) = looked {
        return looked.map(|_| Vec::new()).map_err(failed());
    }
    let sql = "select format('process %s of role %s%s, %s, last statement: %s', pid, usename, \
               case application_name when '' then '' else ' (' || application_name || ')' end, \
               coalesce(state, 'unknown'), left(query, 80)) \
               from pg_stat_activity where datname = $1 order by pid";
    let named: Result<Vec<String>, _> =
        sqlx::query_scalar(sql).bind(name).fetch_all(&login.pool).await;
    Ok(named.map_err(failed())?.iter().map(|line| crate::password::masked(line)).collect())
}

async fn execute(login: &Login, what: String, sql: String) -> Result<(), Error> {
    let statement = sqlx::raw_sql(AssertSqlSafe(sql));
    login.pool.execute(statement).await.map(drop).map_err(Error::database(what))
}
