//! spanproof's own sessions on a trial's database, and the SQL of seeds and of database overrides. A trial
//! is one run of the service.

use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::login::{log_in, log_in_to_read};
use super::{Error, World};
use spanproof_postgres::{Database, ServerError};

/// Overrides the database's default settings in this session, because a fault may have changed them. Limits
/// the time of each statement, because the service may have replaced a table with a view that never stops
/// returning rows.
const SESSION_SETTINGS: &str =
    "set timezone = 'UTC'; set statement_timeout = '20s'; set lock_timeout = 0; set role none";

/// Connects to a trial's database.
pub(super) async fn connect(url: &str) -> Result<PgConnection, Error> {
    with_settings(log_in(url).await).await
}

/// Connects to a trial's database to read while the service runs. The session's errors are not written to the
/// server's log.
pub(super) async fn connect_to_read(url: &str) -> Result<PgConnection, Error> {
    with_settings(log_in_to_read(url).await).await
}

async fn with_settings(opened: Result<PgConnection, sqlx::Error>) -> Result<PgConnection, Error> {
    let failed = |error: sqlx::Error| Error::Database(error.into());
    let mut connection = opened.map_err(failed)?;
    connection.execute(sqlx::raw_sql(SESSION_SETTINGS)).await.map_err(failed)?;
    Ok(connection)
}

/// Runs the seed files.
pub(super) async fn seed(world: &World, database: &Database) -> Result<(), Error> {
    for (path, seed) in world.seeds() {
        let failed = |error: spanproof_postgres::Error| Error::Seed {
            path: path.clone(),
            source: error.into(),
        };
        seed.apply(database.url()).await.map_err(failed)?;
    }
    Ok(())
}

/// Runs the SQL of an override, which may be empty. `when` is part of the error message.
pub(super) async fn run_sql(
    connection: &mut PgConnection,
    when: &'static str,
    sql: &str,
) -> Result<(), Error> {
    if sql.is_empty() {
        return Ok(());
    }
    execute(connection, sql).await.map_err(|error| Error::Sql { when, source: error.into() })
}

/// SQL failed on the server.
#[derive(Debug, thiserror::Error)]
enum SqlError {
    /// The server reports a position; lines count from 1.
    #[error("line {line}")]
    AtLine { line: usize, source: ServerError },
    /// The server reports no position.
    #[error(transparent)]
    Other(ServerError),
}

/// Runs one or more statements.
async fn execute(connection: &mut PgConnection, sql: &str) -> Result<(), SqlError> {
    let statements = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    let failed = |error: sqlx::Error| {
        let source = ServerError::from(error);
        match source.line_in(sql) {
            Some(line) => SqlError::AtLine { line, source },
            None => SqlError::Other(source),
        }
    };
    connection.execute(statements).await.map(drop).map_err(failed)
}
