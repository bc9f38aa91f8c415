//! Watches whether the Postgres server of a run still answers.

use std::time::Duration;

use spanproof_lease::wait::happens_within;
use spanproof_postgres::Server;

/// Time between two logins.
const INTERVAL: Duration = Duration::from_secs(1);
/// Time limit of a login. A busy machine may take long.
const LIMIT: Duration = Duration::from_secs(4);
/// Failed logins in a row after which the server counts as dead.
const FAILURES: u32 = 3;

/// Waits until the server does not answer any more. Returns a text that says so.
pub(super) async fn server_death(server: &Server) -> String {
    let mut failures = 0;
    while failures < FAILURES {
        let _waited = happens_within(INTERVAL, std::future::pending()).await;
        failures = if server.answers_within(LIMIT).await { 0 } else { failures + 1 };
    }
    "the Postgres server does not answer any more: it was killed or stopped".to_owned()
}
