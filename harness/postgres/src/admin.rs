//! Our administrative connections to a server: they create, rename and drop databases. Each
//! connection holds an advisory lock with the number of our run. A run is the use of one server by
//! one process, and the lock shows that the run is alive.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection as _, Executor, PgConnection, PgPool};

use super::connection::connect_options;
use super::existing::login_error;
use super::query_limit::limited;
use super::run::Run;
use super::server_error::Refusal;
use super::{Error, password};
use spanproof_lease::wait::{self, Attempt};

/// Maximum number of connections of a pool. More would not help: creating a clone keeps one core
/// busy.
const MAX_CONNECTIONS: u32 = 4;
/// Longest wait for a connection. If a connection takes longer, the server has died or is
/// overloaded.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time limit for an unused connection to answer. A busy machine may be slow.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// Time for a session to end after its client has closed the connection.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);
/// Time for a session to end after `pg_terminate_backend`; it normally takes milliseconds.
const TERMINATE_TIMEOUT: Duration = Duration::from_secs(5);

/// Copies the settings of the database `{template}`, and those of roles in it, to the database
/// `{name}`: when the server creates a clone, it copies only the contents of the template. If the
/// value of a setting is a list of names, the server stores the names quoted, so each name is
/// unquoted first.
const COPY_SETTINGS: &str = r#"
do $copy$
declare setting record;
begin
  for setting in
    select case when s.setrole = 0 then 'database {name}'
             else format('role %I in database {name}', pg_get_userbyid(s.setrole)) end as target,
           split_part(entry, '=', 1) as name, substr(entry, strpos(entry, '=') + 1) as value
    from pg_db_role_setting s, unnest(s.setconfig) as entry
    where s.setdatabase = (select oid from pg_database where datname = '{template}')
  loop
    execute format('alter %s set %I to %s', setting.target, setting.name,
      case when setting.name in ('search_path', 'temp_tablespaces', 'local_preload_libraries', 'session_preload_libraries')
      then coalesce((select string_agg(quote_literal(coalesce(replace(part[1], '""', '"'), part[2])), ', ' order by place)
        from regexp_matches(setting.value, '"((?:[^"]|"")*)"|([^,"[:space:]]+)', 'g') with ordinality as parts (part, place)), quote_literal(''))
      else quote_literal(setting.value) end);
  end loop;
end $copy$"#;

/// Without this setting, a server that we started could lose our last changes (templates, clones and
/// their settings) when one of its sessions is killed.
const DURABLE: &str = "set synchronous_commit = local";

/// Selects the server's processes that belong to no database and no role, such as the checkpointer.
/// Every role can read their ids.
const OWN_PROCESSES: &str =
    "select pid from pg_stat_activity where datid is null and usesysid is null";

/// A pool of administrative connections to a server.
#[derive(Debug, Clone)]
pub(super) struct Admin {
    pub(super) pool: PgPool,
    /// The server's major version.
    pub(super) version: u32,
}

impl Admin {
    /// Connects as soon as the server accepts a connection. `exited` returns how the server has
    /// exited; `None` while the server runs.
    ///
    /// # Errors
    /// If the server has exited, if it refuses with an error that is not temporary, or after
    /// `limit`.
    pub(super) async fn connect(
        url: &str,
        run: &Run,
        limit: Duration,
        mut exited: impl FnMut() -> Option<String>,
    ) -> Result<Self, Error> {
        let connect =
            connect_options(url).map_err(|error| login_error(url, Refusal::from(error)))?;
        let connect = connect.application_name(run.prefix().as_str());
        let server_version = Arc::new(AtomicU32::new(0));
        let options = pool_options(run, &server_version);
        let pool = wait::until_soon("a login", limit, || {
            let (options, connect, exited) = (options.clone(), connect.clone(), exited());
            async move {
                if let Some(reason) = exited {
                    return Attempt::Done(Err(login_error(url, reason)));
                }
                match options.connect_with(connect).await.map_err(Refusal::from) {
                    Ok(pool) => Attempt::Done(Ok(pool)),
                    Err(Refusal(error)) if error.is_temporary() => {
                        Attempt::NotYet(Refusal(error).to_string())
                    }
                    // Another attempt would be refused, too.
                    Err(refusal) => Attempt::Done(Err(login_error(url, refusal))),
                }
            }
        })
        .await
        .map_err(|timeout| login_error(url, timeout))??;
        Ok(Self { pool, version: server_version.load(Ordering::Relaxed) / 10_000 })
    }

    /// Creates the database `name` from `template`. Our names consist of letters, digits and `_`, so
    /// they need no quotes. A clone of `template0` is in UTF-8, whatever the server's encoding is.
    pub(super) async fn create(&self, name: &str, template: &str) -> Result<(), Error> {
        let encoding = if template == "template0" { " encoding 'UTF8'" } else { "" };
        // `file_copy` takes a third of the time of the default strategy, which writes each page to
        // the WAL. Before version 15 it was the only strategy.
        let strategy = if self.version >= 15 { " strategy file_copy" } else { "" };
        let sql = format!("create database {name} template {template}{strategy}{encoding}");
        self.execute(format!("create database `{name}`"), sql).await?;
        if template == "template0" {
            return Ok(());
        }
        let copy = COPY_SETTINGS.replace("{name}", name).replace("{template}", template);
        self.execute(format!("copy the settings of `{template}` to `{name}`"), copy).await
    }

    /// Sets the password of a role that we created. The password is hashed for SCRAM, whatever the
    /// server's default is.
    pub(super) async fn set_password(&self, role: &str, password: &str) -> Result<(), Error> {
        let sql = format!(
            "set password_encryption = 'scram-sha-256'; alter role {role} password '{password}'"
        );
        self.execute("set the password".to_owned(), sql).await
    }

    /// Renames a database that we created.
    pub(super) async fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        let sql = format!("alter database {from} rename to {to}");
        self.execute(format!("rename database `{from}`"), sql).await
    }

    /// Returns the ids of the server's processes that belong to no database and no role.
    pub(super) async fn own_processes(&self) -> Result<BTreeSet<i32>, Error> {
        let ids: Result<Vec<i32>, _> =
            limited(sqlx::query_scalar(OWN_PROCESSES).fetch_all(&self.pool)).await;
        Ok(ids.map_err(Error::database("list the processes of the server"))?.into_iter().collect())
    }

    /// Drops a database that we created, and terminates the sessions on it.
    pub(super) async fn drop_database(&self, name: &str) -> Result<(), Error> {
        // `with (force)` alone sleeps for 100 ms if it finds a session.
        let terminate = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1";
        let sessions = limited(sqlx::query(terminate).bind(name).fetch_all(&self.pool)).await;
        if sessions.is_ok_and(|sessions| !sessions.is_empty()) {
            let _ended = wait::until_soon("the end of its sessions", TERMINATE_TIMEOUT, || async {
                match self.count_sessions(name).await {
                    Ok(0) => Attempt::Done(()),
                    count => Attempt::NotYet(format!("{count:?}")),
                }
            })
            .await;
        }
        let sql = format!("drop database if exists {name} with (force)");
        self.execute(format!("drop database `{name}`"), sql).await
    }

    /// Returns whether a database with this name exists.
    pub(super) async fn exists(&self, name: &str) -> Result<bool, Error> {
        let sql = "select exists (select from pg_database where datname = $1)";
        limited(sqlx::query_scalar(sql).bind(name).fetch_one(&self.pool))
            .await
            .map_err(Error::database(format!("look up database `{name}`")))
    }

    /// Waits up to half a second for all sessions on a database to end. Returns a description of
    /// each session that has not ended.
    pub(super) async fn open_sessions(&self, name: &str) -> Result<Vec<String>, Error> {
        let counted = wait::until_soon("the end of its sessions", CLOSE_TIMEOUT, || async {
            match self.count_sessions(name).await {
                Ok(1..) => Attempt::NotYet("sessions".into()),
                other => Attempt::Done(other),
            }
        })
        .await;
        let failed = || Error::database(format!("list the sessions on `{name}`"));
        if let Ok(counted) = counted {
            return counted.map(|_| Vec::new()).map_err(failed());
        }
        let sql = "select format('process %s of role %s%s, %s, last statement: %s', pid, usename, \
                   case application_name when '' then '' else ' (' || application_name || ')' end, \
                   coalesce(state, 'unknown'), left(regexp_replace(query, '''[^'']*(''|$)', '''…''', 'g'), 80)) \
                   from pg_stat_activity where datname = $1 order by pid";
        let sessions: Result<Vec<String>, _> =
            limited(sqlx::query_scalar(sql).bind(name).fetch_all(&self.pool)).await;
        Ok(sessions.map_err(failed())?.iter().map(|line| password::mask(line)).collect())
    }

    async fn count_sessions(&self, name: &str) -> Result<i64, sqlx::Error> {
        let sql = "select count(*) from pg_stat_activity where datname = $1";
        limited(sqlx::query_scalar(sql).bind(name).fetch_one(&self.pool)).await
    }

    async fn execute(&self, what: String, sql: String) -> Result<(), Error> {
        let statement = sqlx::raw_sql(AssertSqlSafe(sql));
        limited(self.pool.execute(statement)).await.map(drop).map_err(Error::database(what))
    }
}

/// Checks a connection before it is reused: the server may have crashed, or a signal may have stopped
/// the session. If the check fails, the pool opens a new connection.
async fn check_alive(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    match tokio::time::timeout(PING_TIMEOUT, connection.ping()).await {
        Ok(answered) => answered.map(|()| true),
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}

/// Returns the options of the pool. Each new connection stores the server's version in `version`,
/// and takes the advisory lock of `run`.
fn pool_options(run: &Run, version: &Arc<AtomicU32>) -> PgPoolOptions {
    let (lock, version) = (run.lock_statement(), Arc::clone(version));
    PgPoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(check_alive(connection)))
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(move |connection, _| {
            // The server reports its version at login.
            version.store(connection.server_version_num().unwrap_or(0), Ordering::Relaxed);
            let session = AssertSqlSafe(format!("{DURABLE}; {lock}"));
            Box::pin(async move { connection.execute(sqlx::raw_sql(session)).await.map(drop) })
        })
}
