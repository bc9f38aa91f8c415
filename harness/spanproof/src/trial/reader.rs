//! The database sessions that a trial (one run of the service) uses while its service runs. A fault is a
//! disturbance that spanproof causes on purpose, and can make the database refuse new connections. So a case
//! with a fault uses the session that was opened before the fault was applied.

use spanproof_postgres::Database;
use sqlx::PgConnection;

use super::Error;
use super::fault::ActiveFault;
use super::session::{connect, connect_to_read};

/// Returns a session that runs the user's SQL: that of the fault, or, without a fault, a new one, which is
/// stored in `opened`.
pub(super) async fn session<'a>(
    fault: &'a mut Option<ActiveFault>,
    opened: &'a mut Option<PgConnection>,
    database: &Database,
) -> Result<&'a mut PgConnection, Error> {
    match fault {
        Some(fault) => Ok(fault.session()),
        None => Ok(opened.insert(connect(database.url()).await?)),
    }
}

/// Returns the session that reads while the service runs: that of the fault, or, without a fault, the one in
/// `opened`, which the first call opens.
pub(super) async fn reader<'a>(
    fault: &'a mut Option<ActiveFault>,
    opened: &'a mut Option<PgConnection>,
    database: &Database,
) -> Result<&'a mut PgConnection, Error> {
    match (fault, opened) {
        (Some(fault), _) => Ok(fault.session()),
        (None, Some(opened)) => Ok(opened),
        (None, opened) => Ok(opened.insert(connect_to_read(database.url()).await?)),
    }
}
