//! Watches a Postgres server: whether it still answers, and whether a signal stopped one of its processes. A
//! query on a stopped session never returns: the stopped process can't even enforce `statement_timeout`.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use spanproof_lease::wait::happens_within;
use spanproof_postgres::Server;

use super::Error;
use crate::process::{POSTGRES, stopped_descendant, stopped_sibling};

/// Interval between two logins, or two checks of the sessions.
const INTERVAL: Duration = Duration::from_secs(1);
/// Time limit of a login. A busy machine may take long.
const LIMIT: Duration = Duration::from_secs(4);
/// Failed logins in a row after which the server counts as dead.
const FAILURES: u32 = 3;

/// Why a server does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerFailure {
    /// The server was killed or stopped.
    Dead,
    /// A signal stopped the server process with this id, which serves a session.
    SessionStopped(u32),
}

impl std::fmt::Display for ServerFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dead => {
                f.write_str("the Postgres server no longer answers: it was killed or stopped")
            }
            Self::SessionStopped(id) => write!(
                f,
                "a signal stopped a session of the Postgres server (process {id}), so it does not answer; \
                 find out what sends SIGSTOP, and run again"
            ),
        }
    }
}

/// Waits until the server no longer answers, or a signal stopped one of its sessions.
pub(crate) async fn server_failure(server: &Server) -> ServerFailure {
    tokio::select! {
        () = server_death(server) => ServerFailure::Dead,
        id = session_stop(server) => ServerFailure::SessionStopped(id),
    }
}

/// Returns the process id of a session that a signal stopped; `None` if there is none.
pub(crate) async fn stopped_session(server: &Server) -> Option<u32> {
    stopped_sibling(&own_processes(server).await, POSTGRES)
}

/// Waits until a server has started. Returns an error if a signal stops one of the server's processes.
pub(super) async fn start_server<T, E>(
    start: impl Future<Output = Result<T, E>>,
) -> Result<T, Error>
where
    Error: From<E>,
{
    // The new server has no known process ids yet, so any Postgres process that this process started counts.
    let stopped = stays_stopped(|| stopped_descendant(POSTGRES));
    tokio::select! {
        server = start => Ok(server?),
        id = stopped => Err(Error::Server(ServerFailure::SessionStopped(id).to_string())),
    }
}

/// Waits for work on a server, or until the server fails.
pub(crate) async fn run_watched<T, E>(
    server: &Server,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Error>
where
    Error: From<E>,
{
    tokio::select! {
        done = work => Ok(done?),
        why = server_failure(server) => Err(Error::Server(why.to_string())),
    }
}

/// Waits until a session of the server stays stopped, and returns its process id.
async fn session_stop(server: &Server) -> u32 {
    let mut processes = own_processes(server).await;
    while processes.is_empty() {
        let _waited = happens_within(INTERVAL, std::future::pending()).await;
        processes = own_processes(server).await;
    }
    stays_stopped(|| stopped_sibling(&processes, POSTGRES)).await
}

/// Waits until `stopped` returns the same process twice.
async fn stays_stopped(stopped: impl Fn() -> Option<u32>) -> u32 {
    let mut last = None;
    loop {
        let _waited = happens_within(INTERVAL, std::future::pending()).await;
        match stopped() {
            Some(id) if Some(id) == last => return id,
            now => last = now,
        }
    }
}

/// Returns the ids of the server's own processes, such as the checkpointer; empty if they can't be listed.
/// For a server in a container these are ids inside the container: on this machine, they belong to other
/// programs or to none. So callers must also check the name of the program.
async fn own_processes(server: &Server) -> BTreeSet<u32> {
    let listed = tokio::time::timeout(LIMIT, server.own_processes()).await;
    let ids = listed.ok().and_then(Result::ok).unwrap_or_default();
    ids.into_iter().filter_map(|id| u32::try_from(id).ok()).collect()
}

/// Waits until the server no longer answers.
async fn server_death(server: &Server) {
    let mut failures = 0;
    while failures < FAILURES {
        let _waited = happens_within(INTERVAL, std::future::pending()).await;
        failures = if server.answers_within(LIMIT).await { 0 } else { failures + 1 };
    }
}
