//! Watches whether a run can go on: whether its Postgres server still answers, and whether its time limit is
//! over.

use std::time::{Duration, Instant};

use spanproof_lease::wait::{happens_within, time_over};
use spanproof_postgres::Server;

/// Time between two logins.
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
    /// The time limit of the run is over.
    TimeOver,
}

impl std::fmt::Display for RunEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ServerDead => {
                "the Postgres server does not answer any more: it was killed or stopped"
            }
            Self::TimeOver => "the time limit of the run is over",
        })
    }
}

/// Waits until the run can't go on.
pub(super) async fn run_end(server: &Server, deadline: Option<Instant>) -> RunEnd {
    tokio::select! {
        () = server_death(server) => RunEnd::ServerDead,
        () = time_over(deadline) => RunEnd::TimeOver,
    }
}

/// Waits until the server does not answer any more.
async fn server_death(server: &Server) {
    let mut failures = 0;
    while failures < FAILURES {
        let _waited = happens_within(INTERVAL, std::future::pending()).await;
        failures = if server.answers_within(LIMIT).await { 0 } else { failures + 1 };
    }
}
