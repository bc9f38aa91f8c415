//! Opens sessions on a trial's database.

use spanproof_postgres::connect_options;
use sqlx::{Connection as _, PgConnection};

/// Opens a session with the settings of the role and the database.
pub(super) async fn log_in(url: &str) -> Result<PgConnection, sqlx::Error> {
    PgConnection::connect_with(&connect_options(url)?).await
}
