//! Our own connections to a server: opened as soon as it lets us in, and a sign that we live.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Executor, PgPool};

use super::server_error::Refusal;
use super::{Error, given};
use spanproof_lease::wait::{self, Look};

/// Statements of ours at once; each clone keeps one core busy.
const CONNECTIONS: u32 = 4;
/// A connection that can't be had by then won't be: the server has died, or is far too busy.
const ANSWER: Duration = Duration::from_secs(10);

/// Our connections to a server.
#[derive(Debug, Clone)]
pub(super) struct Login {
    pub(super) pool: PgPool,
    /// The server's major version.
    pub(super) version: u32,
}

/// A run's name on the server: 16 hexadecimal digits. Each of its connections holds a shared
/// advisory lock of that number, so that whoever finds its databases knows whether it lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run(String);

impl Run {
    pub(super) fn new() -> Self {
        Self(uuid::Uuid::new_v4().simple().to_string()[..16].to_owned())
    }

    pub(super) fn id(&self) -> &str {
        &self.0
    }

    /// The name of a database of this run.
    pub(super) fn database(&self, kind: &str, number: &str) -> String {
        format!("spanproof_{}_{kind}_{number}", self.0)
    }

    fn lock(&self) -> String {
        format!("select pg_advisory_lock_shared(('x{}')::bit(64)::bigint)", self.0)
    }
}

/// Logs in as soon as the server lets us, and gives up when `ended` says that it has ended, when
/// the server refuses for good, or after `within`.
pub(super) async fn enter(
    url: &str,
    run: &Run,
    within: Duration,
    mut ended: impl FnMut() -> Option<String>,
) -> Result<Login, Error> {
    let connect: PgConnectOptions =
        url.parse().map_err(|error: sqlx::Error| given::refused(url, Refusal::from(error)))?;
    let connect = connect.application_name("spanproof");
    let lock = run.lock();
    let told = Arc::new(AtomicU32::new(0));
    let version = Arc::clone(&told);
    let options = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .test_before_acquire(false)
        .acquire_timeout(ANSWER)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(move |connection, _| {
            // It says so itself when somebody logs in.
            version.store(connection.server_version_num().unwrap_or(0), Ordering::Relaxed);
            let lock = sqlx::AssertSqlSafe(lock.clone());
            Box::pin(async move { connection.execute(sqlx::raw_sql(lock)).await.map(drop) })
        });
    let looked = wait::closely("a login", within, || {
        let (options, connect, ended) = (options.clone(), connect.clone(), ended());
        async move {
            if let Some(ended) = ended {
                return Look::Done(Err(given::refused(url, ended)));
            }
            match options.connect_with(connect).await.map_err(Refusal::from) {
                Ok(pool) => Look::Done(Ok(pool)),
                Err(Refusal(error)) if error.is_temporary() => {
                    Look::NotYet(Refusal(error).to_string())
                }
                // The server answered: it will not change its mind.
                Err(refusal) => Look::Done(Err(given::refused(url, refusal))),
            }
        }
    })
    .await;
    let pool = looked.map_err(|overdue| given::refused(url, overdue))??;
    Ok(Login { pool, version: told.load(Ordering::Relaxed) / 10_000 })
}
