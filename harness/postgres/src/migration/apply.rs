//! Runs migrations in a database, each file with the settings of a new session.

use std::time::Instant;

use sqlx::migrate::{Migration, MigrationType};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, SqlSafeStr};

use super::script::Statement;
use super::{File, Migrations};
use crate::Error;
use crate::connection::connect;
use crate::server_error::ServerError;

/// Creates the table in which sqlx stores the applied migrations. A service that migrates with sqlx
/// at its start then finds its migrations applied.
const SQLX_TABLE: &str = "create table if not exists _sqlx_migrations (
    version bigint primary key,
    description text not null,
    installed_on timestamptz not null default now(),
    success boolean not null,
    checksum bytea not null,
    execution_time bigint not null
)";
/// SQLSTATE of a statement that can't run in a transaction.
const IN_TRANSACTION: &str = "25001";
/// SQLSTATE of a role or another object that already exists.
const DUPLICATE_OBJECT: &str = "42710";
const UNDEFINED_TABLE: &str = "42P01";
const UNDEFINED_DATABASE: &str = "3D000";
/// SQLSTATE of a parameter or another object that does not exist.
const UNDEFINED_OBJECT: &str = "42704";

/// A statement that failed.
struct Failure<'a> {
    statement: &'a Statement,
    source: ServerError,
}

impl Migrations {
    /// Runs all files in the database of a URL, and then the code that [`then`](Self::then) added.
    ///
    /// # Errors
    /// If the login, a statement or the code fails.
    pub async fn apply(&self, url: &str) -> Result<(), Error> {
        let failed = || Error::database("prepare the template");
        let mut connection =
            connect(url).await.map_err(Error::database("connect to the template"))?;
        if self.files.iter().any(|file| file.sqlx_version.is_some()) {
            connection.execute(sqlx::raw_sql(SQLX_TABLE)).await.map_err(failed())?;
        }
        for file in self.files.iter() {
            let start = Instant::now();
            file.apply(&mut connection).await.map_err(|failure| file.error(failure))?;
            // A migration may have changed the search path, the role or any other setting.
            connection.execute(sqlx::raw_sql("discard all")).await.map_err(failed())?;
            file.record(&mut connection, start).await.map_err(failed())?;
        }
        drop(connection.close().await);
        match &self.creator {
            Some(creator) => (creator.create)(url.to_owned()).await.map_err(Error::Creator),
            None => Ok(()),
        }
    }
}

impl File {
    async fn apply(&self, connection: &mut PgConnection) -> Result<(), Failure<'_>> {
        if self.script.no_transaction {
            return self.run_statements(connection).await;
        }
        let applied = self.run_in_transaction(connection).await;
        match applied {
            // A statement such as `create index concurrently`. The statements before it were rolled
            // back.
            Err(failure) if failure.source.sqlstate() == Some(IN_TRANSACTION) => {
                self.run_statements(connection).await
            }
            other => other,
        }
    }

    async fn run_in_transaction(&self, connection: &mut PgConnection) -> Result<(), Failure<'_>> {
        let Some(last) = self.script.statements.last() else { return Ok(()) };
        let at_last = |error| Failure { statement: last, source: ServerError::from(error) };
        connection.execute(sqlx::raw_sql("begin")).await.map_err(at_last)?;
        let applied = self.run_statements(connection).await;
        // Deferred constraints fail here.
        let end = if applied.is_ok() { "commit" } else { "rollback" };
        let ended = connection.execute(sqlx::raw_sql(end)).await.map_err(at_last);
        applied.and(ended.map(drop))
    }

    async fn run_statements(&self, connection: &mut PgConnection) -> Result<(), Failure<'_>> {
        for statement in &self.script.statements {
            let failed = |error| Failure { statement, source: ServerError::from(error) };
            run(connection, statement).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Stores the file as an applied migration in the table of sqlx.
    async fn record(
        &self,
        connection: &mut PgConnection,
        start: Instant,
    ) -> Result<(), sqlx::Error> {
        let Some(version) = self.sqlx_version else { return Ok(()) };
        let (_, rest) = self.name.split_once('_').unwrap_or_default();
        let kind = MigrationType::from_filename(&self.name);
        let description = rest.trim_end_matches(kind.suffix()).replace('_', " ");
        let sql = AssertSqlSafe(self.script.text.clone()).into_sql_str();
        let migration = Migration::new(version, description.into(), kind, sql, false);
        let checksum: String =
            migration.checksum.iter().map(|byte| format!("{byte:02x}")).collect();
        let description = migration.description.replace('\'', "''");
        let time = start.elapsed().as_nanos();
        let insert = format!(
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
             values ({version}, '{description}', true, '\\x{checksum}', {time})"
        );
        match connection.execute(sqlx::raw_sql(AssertSqlSafe(insert))).await {
            // A migration dropped the schema, together with the table of sqlx.
            Err(error)
                if error
                    .as_database_error()
                    .and_then(sqlx::error::DatabaseError::code)
                    .as_deref()
                    == Some(UNDEFINED_TABLE) =>
            {
                Ok(())
            }
            other => other.map(drop),
        }
    }

    fn error(&self, Failure { statement, source }: Failure<'_>) -> Error {
        let within = source.line_in(&statement.sql).map_or(0, |line| line - 1);
        let is_role = statement.sql.to_lowercase().starts_with("create role")
            || statement.sql.to_lowercase().starts_with("create user");
        let next = if is_role && source.sqlstate() == Some(DUPLICATE_OBJECT) {
            "; roles belong to the whole server, and an earlier run may have created this one: \
             drop it, or create it only if it does not exist"
        } else if is_unknown_owner(&statement.sql, source.sqlstate()) {
            "; create the role in an earlier migration, or dump the schema with `--no-owner \
             --no-privileges`"
        } else if is_unknown_parameter(&statement.sql, source.sqlstate()) {
            "; if the file is a dump of a newer server, use a server of that version, or remove the line"
        } else if source.sqlstate() == Some(UNDEFINED_DATABASE) {
            "; the database has a generated name here: use the name of the current database, as in \
             `do $$ begin execute format('alter database %I set …', current_database()); end $$`"
        } else {
            ""
        };
        let line = statement.line + within;
        Error::Migration { file: self.name.clone(), line, next, source }
    }
}

/// Returns whether a statement failed because the server lacks a role that a dump of another server
/// names.
fn is_unknown_owner(sql: &str, sqlstate: Option<&str>) -> bool {
    let sql = sql.to_lowercase();
    let needs_role = sql.contains(" owner to ") || sql.starts_with("grant ");
    sqlstate == Some(UNDEFINED_OBJECT)
        && (needs_role || sql.starts_with("alter default privileges"))
}

/// Returns whether a statement failed because the server lacks a parameter that a dump of a newer
/// server sets.
fn is_unknown_parameter(sql: &str, sqlstate: Option<&str>) -> bool {
    sqlstate == Some(UNDEFINED_OBJECT) && sql.to_lowercase().starts_with("set ")
}

/// Runs one statement, and sends the rows of a `copy … from stdin`.
async fn run(connection: &mut PgConnection, statement: &Statement) -> Result<(), sqlx::Error> {
    let Some(rows) = &statement.rows else {
        let sql = sqlx::raw_sql(AssertSqlSafe(statement.sql.clone()));
        return connection.execute(sql).await.map(drop);
    };
    let mut copy = connection.copy_in_raw(&statement.sql).await?;
    copy.send(rows.as_bytes()).await?;
    copy.finish().await.map(drop)
}
