//! A database session that does not block writers, and whose transaction is always rolled back.

use crate::chain::debug_as_chain;
use std::time::Duration;

use serde_json::Value as Json;
use spanproof_postgres::{ServerError, connect_options};
use sqlx::postgres::PgArguments;
use sqlx::{Arguments as _, AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::reply::Reply;
use crate::chain::chain;
use crate::observation::Row;

/// Time limit for the login.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Time limit for one statement, to spare other users of the database.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);
/// Number of rows above which a table is never read by a sequential scan.
const MAX_SCAN_ROWS: f64 = 100_000.0;

/// Why a database, dump or log can't be read.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum DeploymentError {
    /// The login failed.
    #[error("could not connect to the database `{url}`: {reason}")]
    Login {
        /// The URL, secrets masked.
        url: String,
        /// The message of the server or the system.
        reason: String,
    },
    /// The connection was lost.
    #[error("the connection to the database was lost during `{what}`: {reason}")]
    ConnectionLost {
        /// The step that failed.
        what: String,
        /// The message of the server or the driver.
        reason: String,
    },
    /// A table, column, job or trace does not exist.
    #[error("{0}")]
    NotFound(String),
    /// A name matches several jobs.
    #[error("{message}; name one job, for instance `{example}`")]
    Ambiguous {
        /// The jobs that match.
        message: String,
        /// A name that matches one of these jobs.
        example: String,
    },
    /// An id is not a valid value for the type of its column.
    #[error("{0}")]
    InvalidId(String),
    /// Several databases of a dump have a table of the spec.
    #[error("several databases of `{dump}` have a table `{table}`: {}", .names.join(", "))]
    SeveralDatabases {
        /// File name of the dump.
        dump: String,
        /// The table.
        table: String,
        /// The databases.
        names: Vec<String>,
    },
    /// A log or dump has a format that another program can convert to text.
    #[error("could not read `{name}`: {reason}")]
    NeedsConversion {
        /// File name; `-` is standard input.
        name: String,
        /// The format, and the program that converts it.
        reason: String,
        /// `log` or `dump`.
        input: &'static str,
    },
    /// A file can't be read.
    #[error("could not read `{name}`: {reason}")]
    File {
        /// File name; `-` is standard input.
        name: String,
        /// The reason, and what to do.
        reason: String,
    },
}

/// Short name of [`DeploymentError`] inside the crate.
pub(crate) type Error = DeploymentError;

debug_as_chain!(DeploymentError);

/// The error with which the server refused a statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (SQLSTATE {code})")]
pub(crate) struct Refusal {
    /// SQLSTATE.
    pub(crate) code: String,
    /// The server's message.
    pub(crate) message: String,
}

/// The access mode of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Read only, from one snapshot of the database.
    Read,
    /// Read and write. Everything that the session writes is rolled back.
    Write,
}

/// A connection with one open transaction, which is always rolled back.
#[derive(Debug)]
pub struct Session {
    connection: PgConnection,
    /// The database URL, secrets masked.
    url: String,
    access: Access,
    /// A short form of the query plan of each query of this transaction.
    plans: Vec<String>,
}

impl Session {
    /// Opens a read-only session with the `application_name` `spanproof <command>`.
    ///
    /// # Errors
    /// If the URL is invalid, or the login fails.
    pub async fn open(url: &str, command: &str) -> Result<Self, Error> {
        Self::connect(url, command, Access::Read).await
    }

    /// Opens a session that can write. Everything it writes is rolled back.
    ///
    /// # Errors
    /// Like [`open`](Self::open).
    pub async fn open_read_write(url: &str, command: &str) -> Result<Self, Error> {
        Self::connect(url, command, Access::Write).await
    }

    async fn connect(url: &str, command: &str, access: Access) -> Result<Self, Error> {
        let masked = crate::mask::text(url);
        let login_error = |reason: String| Error::Login { url: masked.clone(), reason };
        let options = connect_options(url).map_err(|error| login_error(chain(&error)))?;
        let options = options.application_name(&format!("spanproof {command}"));
        let connecting = PgConnection::connect_with(&options);
        let mut connection = match tokio::time::timeout(LOGIN_TIMEOUT, connecting).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(login_error(with_hint(&error.into()))),
            Err(_) => {
                let reason = format!("no answer within {} s", LOGIN_TIMEOUT.as_secs());
                return Err(login_error(reason));
            }
        };
        let begin = begin_sql(access);
        let begun = connection.execute(sqlx::raw_sql(AssertSqlSafe(begin))).await;
        begun.map_err(|error| login_error(chain(&error)))?;
        Ok(Self { connection, url: masked, access, plans: Vec::new() })
    }

    /// Rolls the transaction back. [`restart_transaction`](Self::restart_transaction) begins the
    /// next transaction.
    ///
    /// # Errors
    /// If the connection is lost.
    pub(crate) async fn end_transaction(&mut self) -> Result<(), Error> {
        self.run("rollback", "rollback").await
    }

    /// Rolls the transaction back and begins a new one, which sees everything committed so far.
    ///
    /// # Errors
    /// If the connection is lost.
    pub(crate) async fn restart_transaction(&mut self) -> Result<(), Error> {
        self.plans.clear();
        let sql = format!("rollback; {}", begin_sql(self.access));
        let begun = self.connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await;
        let what = "begin transaction".to_owned();
        begun.map(drop).map_err(|error| Error::ConnectionLost { what, reason: chain(&error) })
    }

    /// Returns the database URL, secrets masked.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns a short form of Postgres's query plan for each query of this transaction.
    pub fn plans(&self) -> &[String] {
        &self.plans
    }

    /// Returns the rows of a query whose only column is a JSON object. Each parameter is a
    /// `text[]`. `what` describes the query in errors.
    ///
    /// # Errors
    /// If the connection is lost.
    pub(crate) async fn rows(
        &mut self,
        what: &str,
        sql: &str,
        parameters: &[&[String]],
    ) -> Result<Reply<Vec<Row>>, Error> {
        let found = self.values(what, sql, parameters).await?;
        let object = |value| match value {
            Json::Object(columns) => Some(columns),
            _ => None,
        };
        Ok(found.map(|values| values.into_iter().filter_map(object).collect()))
    }

    /// Like [`rows`](Self::rows), but refuses a query whose plan scans a large table sequentially.
    ///
    /// # Errors
    /// Like [`rows`](Self::rows).
    pub(crate) async fn look_up(
        &mut self,
        what: &str,
        sql: &str,
        parameters: &[&[String]],
    ) -> Result<Reply<Vec<Row>>, Error> {
        let explain = format!("explain (format json) {sql}");
        let plan = match self.values(what, &explain, parameters).await? {
            Reply::Accepted(plan) => plan.into_iter().next().unwrap_or_default(),
            Reply::Refused(reason) => return Ok(Reply::Refused(reason)),
        };
        let (mut steps, mut scanned) = (Vec::new(), Vec::new());
        read_plan(&plan[0]["Plan"], &mut steps, &mut scanned);
        self.plans.push(format!("{what}: {}", steps.join(", ")));
        for table in scanned {
            let rows = self.estimate_rows(&table).await?;
            if rows > MAX_SCAN_ROWS {
                return Ok(Reply::Refused(format!(
                    "no index supports this query, and `{table}` has about {rows:.0} rows; the query was not run"
                )));
            }
        }
        self.rows(what, sql, parameters).await
    }

    /// Returns an estimate of the number of rows in a table: Postgres's own, scaled to the present size of
    /// the table. For a table that was never analysed, it assumes short rows of 100 bytes.
    async fn estimate_rows(&mut self, table: &str) -> Result<f64, Error> {
        let sql = "select to_jsonb(coalesce(max(case when reltuples > 0
                     then reltuples * greatest(1, pg_relation_size(oid)::float8 / 8192 / greatest(relpages, 1))
                     else pg_relation_size(oid)::float8 / 100 end), 0)) from pg_class
                   where relname = any($1) and relkind in ('r', 'm', 'p')";
        let name = [table.to_owned()];
        let found = self.values("the size of a table", sql, &[&name]).await?;
        Ok(found.accepted().and_then(|rows| rows.first()?.as_f64()).unwrap_or_default())
    }

    /// Returns the values of a query whose only column is JSON. If the server refuses the query,
    /// the transaction can still continue.
    ///
    /// # Errors
    /// If the connection is lost.
    pub(crate) async fn values(
        &mut self,
        what: &str,
        sql: &str,
        parameters: &[&[String]],
    ) -> Result<Reply<Vec<Json>>, Error> {
        let arguments = arguments(what, parameters)?;
        self.run(what, "savepoint statement").await?;
        let query = sqlx::query_scalar_with(AssertSqlSafe(sql.to_owned()), arguments);
        let rows = query.persistent(false).fetch_all(&mut self.connection).await;
        Ok(self.reply(what, rows).await?.map_refused(|refusal| refusal.message))
    }

    /// Executes a statement and returns the number of affected rows.
    ///
    /// # Errors
    /// If the connection is lost.
    pub(crate) async fn execute(
        &mut self,
        what: &str,
        sql: &str,
        parameters: &[&[String]],
    ) -> Result<Reply<u64, Refusal>, Error> {
        let arguments = arguments(what, parameters)?;
        self.run(what, "savepoint statement").await?;
        let query = sqlx::query_with(AssertSqlSafe(sql.to_owned()), arguments);
        let done = query.persistent(false).execute(&mut self.connection).await;
        self.reply(what, done.map(|done| done.rows_affected())).await
    }

    /// Converts the result of a statement into a reply. Rolls a refused statement back, so that the
    /// transaction can continue.
    async fn reply<T>(
        &mut self,
        what: &str,
        done: Result<T, sqlx::Error>,
    ) -> Result<Reply<T, Refusal>, Error> {
        match done {
            Ok(done) => Ok(Reply::Accepted(done)),
            Err(sqlx::Error::Database(error)) => {
                let refusal = refusal(what, error.as_ref())?;
                self.run(what, "rollback to savepoint statement").await?;
                Ok(Reply::Refused(refusal))
            }
            Err(error) => {
                Err(Error::ConnectionLost { what: what.to_owned(), reason: chain(&error) })
            }
        }
    }

    async fn run(&mut self, what: &str, sql: &'static str) -> Result<(), Error> {
        let done = self.connection.execute(sql).await;
        let lost = |error: sqlx::Error| Error::ConnectionLost {
            what: what.to_owned(),
            reason: chain(&error),
        };
        done.map(drop).map_err(lost)
    }

    /// Rolls the transaction back and closes the connection.
    pub async fn close(mut self) {
        let _already_lost = self.connection.execute("rollback").await;
        let _already_lost = self.connection.close().await;
    }
}

/// Returns the SQL that begins a transaction.
fn begin_sql(access: Access) -> String {
    // Reading takes no lock that blocks writers. The lock timeout is short, because writers queue
    // behind a session that waits for a lock.
    format!(
        "begin transaction {};
         set local statement_timeout = {};
         set local lock_timeout = 500;
         set local idle_in_transaction_session_timeout = 60000;
         set local timezone = 'UTC';
         set local row_security = on",
        match access {
            Access::Read => "isolation level repeatable read, read only",
            // Most services use this isolation level. `read write` is left out on purpose: if a
            // setting of the role makes transactions read-only, preflight must notice.
            Access::Write => "isolation level read committed",
        },
        STATEMENT_TIMEOUT.as_millis()
    )
}

/// Converts parameters into arguments of a query.
fn arguments(what: &str, parameters: &[&[String]]) -> Result<PgArguments, Error> {
    let mut arguments = PgArguments::default();
    for parameter in parameters {
        let added = arguments.add(*parameter);
        added.map_err(|error| Error::NotFound(format!("{what}: {error}")))?;
    }
    Ok(arguments)
}

/// Returns the message of a server error, with the hint if the error has one.
fn with_hint(error: &ServerError) -> String {
    error.hint().map_or_else(|| error.to_string(), |hint| format!("{error}; {hint}"))
}

/// Converts a server error into a refusal.
///
/// # Errors
/// If the server has terminated the session.
fn refusal(what: &str, error: &dyn sqlx::error::DatabaseError) -> Result<Refusal, Error> {
    let code = error.code().unwrap_or_default().into_owned();
    let message = crate::mask::text(error.message());
    match code.as_str() {
        "57P01" | "57P02" | "57P03" | "25P03" => {
            Err(Error::ConnectionLost { what: what.to_owned(), reason: message })
        }
        "57014" => {
            let message =
                format!("the query was cancelled after {} s", STATEMENT_TIMEOUT.as_secs());
            Ok(Refusal { code, message })
        }
        _ => Ok(Refusal { code, message }),
    }
}

/// Collects the steps of a plan that read tables or indexes, and the tables that it scans
/// sequentially.
fn read_plan(plan: &Json, steps: &mut Vec<String>, scanned: &mut Vec<String>) {
    let text = |name: &str| plan[name].as_str().unwrap_or_default();
    let (node, table, index) = (text("Node Type"), text("Relation Name"), text("Index Name"));
    match (table, index) {
        (_, index) if !index.is_empty() => steps.push(format!("{node} on {index}")),
        (table, _) if !table.is_empty() && node != "Bitmap Heap Scan" => {
            steps.push(format!("{node} on {table}"));
        }
        _ => {}
    }
    if node == "Seq Scan" && !table.is_empty() {
        scanned.push(table.to_owned());
    }
    for child in plan["Plans"].as_array().into_iter().flatten() {
        read_plan(child, steps, scanned);
    }
}
