//! Opens sessions on a trial's database.

use spanproof_postgres::connect_options;
use sqlx::{Connection as _, Executor as _, PgConnection};

/// Keeps a session's messages out of the server's log if the role is a superuser. Other roles have no
/// permission to do that; then spanproof does not read the log.
const QUIET: &str = "select set_config('log_min_messages', 'panic', false)
    where current_setting('is_superuser') = 'on'";

/// Opens a session with the default settings of its role and database.
pub(super) async fn log_in(url: &str) -> Result<PgConnection, sqlx::Error> {
    PgConnection::connect_with(&connect_options(url)?).await
}

/// Opens a session that only reads. Its errors are not written to the server's log, where they would look
/// like errors of the service.
pub(super) async fn log_in_to_read(url: &str) -> Result<PgConnection, sqlx::Error> {
    let mut connection = log_in(url).await?;
    connection.execute(QUIET).await?;
    Ok(connection)
}
