//! Opens sessions on a trial's database.

use spanproof_postgres::connect_options;
use sqlx::{Connection as _, Executor as _, PgConnection};

/// Keeps a session's messages out of the server's log. Only a superuser may do that; where we are
/// none, the log is not read.
const QUIET: &str = "select set_config('log_min_messages', 'panic', false)
    where current_setting('is_superuser') = 'on'";

/// Opens a session with the settings of the role and the database.
pub(super) async fn log_in(url: &str) -> Result<PgConnection, sqlx::Error> {
    PgConnection::connect_with(&connect_options(url)?).await
}

/// Opens a session that only reads. What fails there is not in the server's log, where it would look
/// like something that the service tried.
pub(super) async fn log_in_to_read(url: &str) -> Result<PgConnection, sqlx::Error> {
    let mut connection = log_in(url).await?;
    connection.execute(QUIET).await?;
    Ok(connection)
}
