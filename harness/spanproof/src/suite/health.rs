//! Watches whether a run can go on: whether its Postgres server still answers, whether its sessions run, and
//! whether the time limit is over. Finds out whether a case failed because something around it broke.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use spanproof_lease::wait::{happens_within, time_over};
use spanproof_postgres::{Database, Server};

use crate::process::{POSTGRES, stopped_sibling};

/// Time between two logins, or two looks at the sessions.
const INTERVAL: Duration = Duration::from_secs(1);
/// Time limit of a login. A busy machine may take long.
const LIMIT: Duration = Duration::from_secs(4);
/// Failed logins in a row after which the server counts as dead.
const FAILURES: u32 = 3;

/// Why a run can't go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunEnd {
    /// The server does not answer.
    ServerDead,
    /// A signal stopped the session of the server with this process id.
    SessionStopped(u32),
    /// The time limit of the run is over.
    TimeOver,
}

impl std::fmt::Display for RunEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ServerDead => f.write_str(
                "the Postgres server does not answer any more: it was killed or stopped",
            ),
            Self::SessionStopped(id) => write!(
                f,
                "a signal stopped a session of the Postgres server (process {id}), so it does not answer; \
                 find out what sends SIGSTOP, and run again"
            ),
            Self::TimeOver => f.write_str("the time limit of the run is over"),
        }
    }
}

/// Waits until the run can't go on.
pub(super) async fn run_end(server: &Server, deadline: Option<Instant>) -> RunEnd {
    tokio::select! {
        () = server_death(server) => RunEnd::ServerDead,
        id = session_stop(server) => RunEnd::SessionStopped(id),
        () = time_over(deadline) => RunEnd::TimeOver,
    }
}

/// Waits until a session of the server is stopped for longer than a moment.
async fn session_stop(server: &Server) -> u32 {
    let processes = own_processes(server).await;
    let mut last = None;
    loop {
        let _waited = happens_within(INTERVAL, std::future::pending()).await;
        let stopped = stopped_sibling(&processes, POSTGRES);
        match stopped {
            Some(id) if stopped == last => return id,
            _ => last = stopped,
        }
    }
}

/// Returns the ids of the server's own processes; empty if they can't be listed. In a container they have
/// other ids on this machine, where they have other names, or none.
async fn own_processes(server: &Server) -> BTreeSet<u32> {
    let listed = tokio::time::timeout(LIMIT, server.own_processes()).await;
    let ids = listed.ok().and_then(Result::ok).unwrap_or_default();
    ids.into_iter().filter_map(|id| u32::try_from(id).ok()).collect()
}

/// Returns what broke around a case that failed; `None` if nothing did, so that the service is why it failed.
pub(super) async fn broken_world(server: &Server, database: &Database) -> Option<String> {
    if let Some(id) = stopped_sibling(&own_processes(server).await, POSTGRES) {
        return Some(RunEnd::SessionStopped(id).to_string());
    }
    let log = server.log(database).await.ok().flatten().unwrap_or_default();
    let refused = log.iter().find(|entry| is_lack_of_space(&entry.message));
    refused.map(|entry| {
        let message = &entry.message;
        format!("the Postgres server could not write its files: {message}; free some space, and run again")
    })
}

/// Whether the server reports that a file can't be written, for a reason outside of it. Its messages are not
/// translated.
fn is_lack_of_space(message: &str) -> bool {
    let reasons = [
        "No space left on device",
        "Disk quota exceeded",
        "File too large",
        "Input/output error",
        "Read-only file system",
    ];
    let is_about_file = message.starts_with("could not ") && message.contains(" file ");
    is_about_file && reasons.into_iter().any(|reason| message.contains(reason))
}

/// Waits until the server does not answer any more.
async fn server_death(server: &Server) {
    let mut failures = 0;
    while failures < FAILURES {
        let _waited = happens_within(INTERVAL, std::future::pending()).await;
        failures = if server.answers_within(LIMIT).await { 0 } else { failures + 1 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_messages_about_files_that_can_not_be_written_are_about_space() {
        for message in [
            "could not extend file \"base/5/16385\": No space left on device",
            "could not write to file \"base/pgsql_tmp/pgsql_tmp1.0\": No space left on device",
            "could not extend file \"base/5/16385\" with FileFallocate(): File too large",
        ] {
            assert!(is_lack_of_space(message), "{message}");
        }
        for message in ["No space left on device", "could not open file \"x\": Permission denied"] {
            assert!(!is_lack_of_space(message), "{message}");
        }
    }
}
