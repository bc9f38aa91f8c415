//! Our own sessions on a case's database.

use sqlx::Connection as _;
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::{Error, World};
use crate::postgres::Database;

/// What a fault of the world may have changed for the sessions of the service is not for ours.
const OURS: &str =
    "set timezone = 'UTC'; set statement_timeout = 0; set lock_timeout = 0; set role none";

/// A session of our own.
pub(super) async fn connect(url: &str) -> Result<PgConnection, Error> {
    let failed = |error: sqlx::Error| Error::Database(error.to_string());
    let mut connection = PgConnection::connect(url).await.map_err(failed)?;
    connection.execute(sqlx::raw_sql(OURS)).await.map_err(failed)?;
    Ok(connection)
}

/// Runs the seed files.
pub(super) async fn seed(world: &World, database: &Database) -> Result<(), Error> {
    if world.seeds().is_empty() {
        return Ok(());
    }
    let mut connection = connect(database.url()).await?;
    for (path, sql) in world.seeds() {
        let statements = sqlx::raw_sql(AssertSqlSafe(sql.clone()));
        connection
            .execute(statements)
            .await
            .map_err(|error| Error::Seed { path: path.clone(), reason: error.to_string() })?;
    }
    drop(connection.close().await);
    Ok(())
}

/// Runs the statements of an override; nothing if there are none.
pub(super) async fn run_sql(connection: &mut PgConnection, sql: &str) -> Result<(), Error> {
    if sql.is_empty() {
        return Ok(());
    }
    let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    connection.execute(sql).await.map(drop).map_err(|error| Error::Sabotage(error.to_string()))
}
