//! Our own connections to a server, and what they do: databases are made, renamed and dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor, PgPool};

use super::given::login_error;
use super::run::Run;
use super::server_error::Refusal;
use super::{Error, password};
use spanproof_lease::wait::{self, Look};

/// Statements of ours at once; each clone keeps one core busy.
const CONNECTIONS: u32 = 4;
/// A connection that can't be had by then won't be: the server has died, or is far too busy.
const ANSWER: Duration = Duration::from_secs(10);
/// A connection whose holder has closed it takes the server a moment to notice.
const CLOSING: Duration = Duration::from_millis(500);
/// A session that was told to end does so within milliseconds.
const ENDING: Duration = Duration::from_secs(5);

/// Our administrative connections to a server.
#[derive(Debug, Clone)]
pub(super) struct Admin {
    pub(super) pool: PgPool,
    /// The server's major version.
    pub(super) version: u32,
}

impl Admin {
    /// Connects as soon as the server lets us, and gives up when `ended` says that it has ended,
    /// when the server refuses for good, or after `within`.
    pub(super) async fn connect(
        url: &str,
        run: &Run,
        within: Duration,
        mut ended: impl FnMut() -> Option<String>,
    ) -> Result<Self, Error> {
        let connect: PgConnectOptions =
            url.parse().map_err(|error: sqlx::Error| login_error(url, Refusal::from(error)))?;
        let connect = connect.application_name(run.prefix().as_str());
        let server_version = Arc::new(AtomicU32::new(0));
        let options = pool_options(run, &server_version);
        let pool = wait::closely("a login", within, || {
            let (options, connect, ended) = (options.clone(), connect.clone(), ended());
            async move {
                if let Some(ended) = ended {
                    return Look::Done(Err(login_error(url, ended)));
                }
                match options.connect_with(connect).await.map_err(Refusal::from) {
                    Ok(pool) => Look::Done(Ok(pool)),
                    Err(Refusal(error)) if error.is_temporary() => {
                        Look::NotYet(Refusal(error).to_string())
                    }
                    // The server answered: it will not change its mind.
                    Err(refusal) => Look::Done(Err(login_error(url, refusal))),
                }
            }
        })
        .await
        .map_err(|overdue| login_error(url, overdue))??;
        Ok(Self { pool, version: server_version.load(Ordering::Relaxed) / 10_000 })
    }

    /// Makes `name`, which is one of ours: letters, digits and `_`, so it needs no quotes. What is
    /// made from `template0` is in UTF-8, whatever the server's own encoding is.
    pub(super) async fn create(&self, name: &str, template: &str) -> Result<(), Error> {
        let encoding = if template == "template0" { " encoding 'UTF8'" } else { "" };
        // Copying files costs a third of writing each page to the log; before 15 it was the only
        // way.
        let strategy = if self.version >= 15 { " strategy file_copy" } else { "" };
        let sql = format!("create database {name} template {template}{strategy}{encoding}");
        self.execute(format!("create database `{name}`"), sql).await
    }

    /// Renames a database of ours.
    pub(super) async fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        let sql = format!("alter database {from} rename to {to}");
        self.execute(format!("rename database `{from}`"), sql).await
    }

    /// Drops a database of ours; whoever is still connected is thrown out.
    pub(super) async fn drop_database(&self, name: &str) -> Result<(), Error> {
        // `with (force)` alone naps for 100 ms where somebody is connected, so it finds nobody.
        let end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1";
        let ended = sqlx::query(end).bind(name).fetch_all(&self.pool).await;
        if ended.is_ok_and(|ended| !ended.is_empty()) {
            let _gone = wait::closely("the end of its sessions", ENDING, || async {
                match self.count_sessions(name).await {
                    Ok(0) => Look::Done(()),
                    seen => Look::NotYet(format!("{seen:?}")),
                }
            })
            .await;
        }
        let sql = format!("drop database if exists {name} with (force)");
        self.execute(format!("drop database `{name}`"), sql).await
    }

    /// Whether there is a database of that name.
    pub(super) async fn exists(&self, name: &str) -> Result<bool, Error> {
        sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(name)
            .fetch_one(&self.pool)
            .await
            .map_err(Error::database(format!("look for database `{name}`")))
    }

    /// The sessions on a database, when those that were just closed are gone.
    pub(super) async fn sessions(&self, name: &str) -> Result<Vec<String>, Error> {
        let counted = wait::closely("the end of its sessions", CLOSING, || async {
            match self.count_sessions(name).await {
                Ok(1..) => Look::NotYet("sessions".into()),
                other => Look::Done(other),
            }
        })
        .await;
        let failed = || Error::database(format!("look for sessions on `{name}`"));
        if let Ok(counted) = counted {
            return counted.map(|_| Vec::new()).map_err(failed());
        }
        let sql = "select format('process %s of role %s%s, %s, last statement: %s', pid, usename, \
                   case application_name when '' then '' else ' (' || application_name || ')' end, \
                   coalesce(state, 'unknown'), left(regexp_replace(query, '''[^'']*(''|$)', '''…''', 'g'), 80)) \
                   from pg_stat_activity where datname = $1 order by pid";
        let named: Result<Vec<String>, _> =
            sqlx::query_scalar(sql).bind(name).fetch_all(&self.pool).await;
        Ok(named.map_err(failed())?.iter().map(|line| password::masked(line)).collect())
    }

    async fn count_sessions(&self, name: &str) -> Result<i64, sqlx::Error> {
        let sql = "select count(*) from pg_stat_activity where datname = $1";
        sqlx::query_scalar(sql).bind(name).fetch_one(&self.pool).await
    }

    async fn execute(&self, what: String, sql: String) -> Result<(), Error> {
        let statement = sqlx::raw_sql(AssertSqlSafe(sql));
        self.pool.execute(statement).await.map(drop).map_err(Error::database(what))
    }
}

/// The options of our pool; its first connection stores the server's version in `version`.
fn pool_options(run: &Run, version: &Arc<AtomicU32>) -> PgPoolOptions {
    let (lock, version) = (run.lock(), Arc::clone(version));
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .test_before_acquire(false)
        .acquire_timeout(ANSWER)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(move |connection, _| {
            // The server says so itself when somebody logs in.
            version.store(connection.server_version_num().unwrap_or(0), Ordering::Relaxed);
            let lock = AssertSqlSafe(lock.clone());
            Box::pin(async move { connection.execute(sqlx::raw_sql(lock)).await.map(drop) })
        })
}
