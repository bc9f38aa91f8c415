//! Watches whether a run can continue: whether its Postgres server still answers, and whether its time limit
//! is over. Finds out whether a case failed because of its environment.

use std::time::Instant;

use spanproof_lease::wait::time_over;
use spanproof_postgres::{Database, Server};

use crate::trial::{ServerFailure, server_failure, stopped_session};

/// Why a run can't continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunEnd {
    /// The server does not answer.
    Server(ServerFailure),
    /// The time limit of the run is over.
    TimedOut,
}

impl std::fmt::Display for RunEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Server(failure) => failure.fmt(f),
            Self::TimedOut => f.write_str("the time limit of the run is over"),
        }
    }
}

/// Waits until the run can't continue, and returns the reason.
pub(super) async fn run_end(server: &Server, deadline: Option<Instant>) -> RunEnd {
    tokio::select! {
        failure = server_failure(server) => RunEnd::Server(failure),
        () = time_over(deadline) => RunEnd::TimedOut,
    }
}

/// Returns the problem in the environment of a case that failed; `None` if the service itself failed.
pub(super) async fn broken_world(server: &Server, database: &Database) -> Option<String> {
    if let Some(id) = stopped_session(server).await {
        return Some(ServerFailure::SessionStopped(id).to_string());
    }
    let log = server.log(database).await.ok().flatten().unwrap_or_default();
    let refused = log.iter().find(|entry| is_lack_of_space(&entry.message));
    refused.map(|entry| {
        let message = &entry.message;
        format!("the Postgres server could not write its files: {message}; free some space, and run again")
    })
}

/// Whether the server reports that a file can't be written, for a reason outside the server. Recognizes only
/// messages in English.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_about_files_that_can_not_be_written_for_lack_of_space_are_recognized() {
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
