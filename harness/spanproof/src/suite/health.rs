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
    let refused = log.iter().find_map(|entry| Some((&entry.message, file_advice(&entry.message)?)));
    refused.map(|(message, advice)| {
        format!("the Postgres server could not write its files: {message}; {advice}, and run again")
    })
}

/// Returns what to do if the server reports that a file can't be written, for a reason outside the server; `None`
/// for any other message. Recognises only messages in English.
fn file_advice(message: &str) -> Option<&'static str> {
    const SPACE: &str = "free some space";
    const DISK: &str = "check the disk of the server";
    let reasons = [
        ("No space left on device", SPACE),
        ("Disk quota exceeded", SPACE),
        ("File too large", "raise the limit on the size of a file (`ulimit -f`)"),
        ("Input/output error", DISK),
        ("Read-only file system", DISK),
    ];
    let is_about_file = message.starts_with("could not ") && message.contains(" file ");
    let mut found = reasons.into_iter().filter(|(reason, _)| message.contains(reason));
    found.next().filter(|_| is_about_file).map(|(_, advice)| advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_about_files_that_can_not_be_written_for_lack_of_space_are_recognized() {
        for message in [
            "could not extend file \"base/5/16385\": No space left on device",
            "could not write to file \"base/pgsql_tmp/pgsql_tmp1.0\": No space left on device",
            "could not extend file \"base/5/16385\" with FileFallocate(): Disk quota exceeded",
        ] {
            assert_eq!(file_advice(message), Some("free some space"), "{message}");
        }
        for message in ["No space left on device", "could not open file \"x\": Permission denied"] {
            assert_eq!(file_advice(message), None, "{message}");
        }
    }

    #[test]
    fn the_advice_about_a_file_that_can_not_be_written_fits_the_reason() {
        for (reason, part) in [
            ("File too large", "size of a file"),
            ("Input/output error", "disk"),
            ("Read-only file system", "disk"),
        ] {
            let advice = file_advice(&format!("could not extend file \"base/5/1\": {reason}"));
            let advice = advice.unwrap();
            assert!(advice.contains(part) && !advice.contains("free"), "{advice}");
        }
    }
}
