//! The time limit of our own queries on a server.

use std::io::ErrorKind;
use std::time::Duration;

/// Time limit of a query. Copying a large template takes longest.
const QUERY_TIMEOUT: Duration = Duration::from_mins(2);

/// Waits for a query, but not forever: a signal may have stopped the session.
pub(super) async fn limited<T>(
    query: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let within = tokio::time::timeout(QUERY_TIMEOUT, query).await;
    within.unwrap_or_else(|_| Err(sqlx::Error::Io(ErrorKind::TimedOut.into())))
}
