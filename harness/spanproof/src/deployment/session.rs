//! A session whose statements lock nothing that a writer needs, and are rolled back.

use crate::chain::debug_as_chain;
use std::time::Duration;

use serde_json::Value as Json;
use spanproof_postgres::ServerError;
use sqlx::postgres::{PgArguments, PgConnectOptions};
use sqlx::{Arguments as _, AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::reply::Reply;
use crate::chain::chain;
use crate::observation::Row;

/// Time limit for the login.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Time limit for one statement: a longer one would slow down other users.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);
/// Rows of the largest table that is read as a whole.
const FULL_SCAN_ROWS: f64 = 100_000.0;

/// A database that can't be looked at.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum DeploymentError {
    /// It does not let us in.
    #[error("the database `{url}` does not let us in: {reason}")]
    Login {
        /// Its URL, secrets masked.
        url: String,
        /// The server's or the system's words.
        reason: String,
    },
    /// It was there, and went away.
    #[error("the database went away while {what} was read: {reason}")]
    Gone {
        /// What was being read.
        what: String,
        /// What was heard last.
        reason: String,
    },
    /// What is asked for is not in it.
    #[error("{0}")]
    Missing(String),
    /// A name means several jobs.
    #[error("{message}; name one, for instance `{example}`")]
    Ambiguous {
        /// What the name means.
        message: String,
        /// A name that means one of them.
        example: String,
    },
    /// What is asked for can't be in it, whatever is in it.
    #[error("{0}")]
    Asked(String),
    /// A log or a dump in a form that another program turns into text.
    #[error("could not read `{name}`: {reason}")]
    Convertible {
        /// Which; `-` is standard input.
        name: String,
        /// The form, and the program.
        reason: String,
        /// `log` or `dump`.
        input: &'static str,
    },
    /// A file that can't be read.
    #[error("could not read `{name}`: {reason}")]
    File {
        /// Which; `-` is standard input.
        name: String,
        /// Why, and what to do.
        reason: String,
    },
}

/// The error of this module, by its short name.
pub(crate) type Error = DeploymentError;

debug_as_chain!(DeploymentError);

/// What the server refused, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (SQLSTATE {code})")]
pub(crate) struct Refusal {
    /// Its SQLSTATE.
    pub(crate) code: String,
    /// The server's message.
    pub(crate) message: String,
}

/// What a session may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Reading, from one snapshot of the database.
    Read,
    /// Reading and writing; everything is rolled back.
    Write,
}

/// One transaction that is always rolled back.
#[derive(Debug)]
pub struct Session {
    connection: PgConnection,
    url: String,
    access: Access,
    plans: Vec<String>,
}

impl Session {
    /// Opens a session that only reads, for one command.
    ///
    /// # Errors
    /// When the URL is none, or the server does not let us in.
    pub async fn open(url: &str, command: &str) -> Result<Self, Error> {
        Self::connect(url, command, Access::Read).await
    }

    /// Opens a session that may write, for one command: whatever it writes is rolled back.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub async fn open_to_write(url: &str, command: &str) -> Result<Self, Error> {
        Self::connect(url, command, Access::Write).await
    }

    async fn connect(url: &str, command: &str, access: Access) -> Result<Self, Error> {
        let masked = crate::mask::text(url);
        let refused = |reason: String| Error::Login { url: masked.clone(), reason };
        let options: PgConnectOptions =
            url.parse().map_err(|error: sqlx::Error| refused(chain(&error)))?;
        let options = options.application_name(&format!("spanproof {command}"));
        let entering = PgConnection::connect_with(&options);
        let mut connection = match tokio::time::timeout(LOGIN_TIMEOUT, entering).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(refused(with_hint(&error.into()))),
            Err(_) => {
                let reason = format!("no answer within {} s", LOGIN_TIMEOUT.as_secs());
                return Err(refused(reason));
            }
        };
        let begin = begin(access);
        let begun = connection.execute(sqlx::raw_sql(AssertSqlSafe(begin))).await;
        begun.map_err(|error| refused(chain(&error)))?;
        Ok(Self { connection, url: masked, access, plans: Vec::new() })
    }

    /// Ends the transaction; [`Session::restart_transaction`] begins another.
    ///
    /// # Errors
    /// When the database is gone.
    pub(crate) async fn end_transaction(&mut self) -> Result<(), Error> {
        self.run("the end of a look", "rollback").await
    }

    /// Ends the transaction and begins another, which sees what was committed since.
    ///
    /// # Errors
    /// When the database is gone.
    pub(crate) async fn restart_transaction(&mut self) -> Result<(), Error> {
        self.plans.clear();
        let sql = format!("rollback; {}", begin(self.access));
        let begun = self.connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await;
        let what = "the next look".to_owned();
        begun.map(drop).map_err(|error| Error::Gone { what, reason: chain(&error) })
    }

    /// The URL, secrets masked.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How the server carried out each look-up.
    pub fn plans(&self) -> &[String] {
        &self.plans
    }

    /// The rows of a query whose only column is JSON; each parameter is `text[]`.
    ///
    /// # Errors
    /// When the database is gone.
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

    /// As [`Session::rows`], unless the server's plan reads a large table as a whole: that is refused.
    ///
    /// # Errors
    /// As [`Session::rows`].
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
        let (mut ways, mut whole) = (Vec::new(), Vec::new());
        read_plan(&plan[0]["Plan"], &mut ways, &mut whole);
        self.plans.push(format!("{what}: {}", ways.join(", ")));
        for table in whole {
            let rows = self.estimate(&table).await?;
            if rows > FULL_SCAN_ROWS {
                return Ok(Reply::Refused(format!(
                    "no index serves it, and `{table}` has about {rows:.0} rows; it was not tried"
                )));
            }
        }
        self.rows(what, sql, parameters).await
    }

    /// About how many rows a table has.
    async fn estimate(&mut self, table: &str) -> Result<f64, Error> {
        let sql = "select to_jsonb(coalesce(max(reltuples), 0)) from pg_class
                   where relname = any($1) and relkind in ('r', 'm', 'p')";
        let name = [table.to_owned()];
        let found = self.values("the size of a table", sql, &[&name]).await?;
        Ok(found.accepted().and_then(|rows| rows.first()?.as_f64()).unwrap_or_default())
    }

    /// The values of a query's only column, a JSON one. What the server refuses undoes nothing
    /// that was read before.
    pub(crate) async fn values(
        &mut self,
        what: &str,
        sql: &str,
        parameters: &[&[String]],
    ) -> Result<Reply<Vec<Json>>, Error> {
        let arguments = arguments(what, parameters)?;
        self.run(what, "savepoint look").await?;
        let query = sqlx::query_scalar_with(AssertSqlSafe(sql.to_owned()), arguments);
        let rows = query.persistent(false).fetch_all(&mut self.connection).await;
        Ok(self.settle(what, rows).await?.map_refused(|refusal| refusal.message))
    }

    /// Carries out a statement and returns the number of rows that it affected.
    ///
    /// # Errors
    /// When the database is gone.
    pub(crate) async fn execute(
        &mut self,
        what: &str,
        sql: &str,
        parameters: &[&[String]],
    ) -> Result<Reply<u64, Refusal>, Error> {
        let arguments = arguments(what, parameters)?;
        self.run(what, "savepoint look").await?;
        let query = sqlx::query_with(AssertSqlSafe(sql.to_owned()), arguments);
        let done = query.persistent(false).execute(&mut self.connection).await;
        self.settle(what, done.map(|done| done.rows_affected())).await
    }

    /// Rolls a refused statement back, so that the transaction goes on.
    async fn settle<T>(
        &mut self,
        what: &str,
        done: Result<T, sqlx::Error>,
    ) -> Result<Reply<T, Refusal>, Error> {
        match done {
            Ok(done) => Ok(Reply::Accepted(done)),
            Err(sqlx::Error::Database(error)) => {
                let refusal = refusal(what, error.as_ref())?;
                self.run(what, "rollback to savepoint look").await?;
                Ok(Reply::Refused(refusal))
            }
            Err(error) => Err(Error::Gone { what: what.to_owned(), reason: chain(&error) }),
        }
    }

    async fn run(&mut self, what: &str, sql: &'static str) -> Result<(), Error> {
        let done = self.connection.execute(sql).await;
        let gone =
            |error: sqlx::Error| Error::Gone { what: what.to_owned(), reason: chain(&error) };
        done.map(drop).map_err(gone)
    }

    /// Ends the transaction; it has nothing to keep.
    pub async fn close(mut self) {
        let _gone = self.connection.execute("rollback").await;
        let _gone = self.connection.close().await;
    }
}

/// How a transaction begins.
fn begin(access: Access) -> String {
    // Nothing is locked that a writer wants, and nothing waits: a lock that is not to be had
    // at once is not worth a queue of writers behind us.
    format!(
        "begin transaction {};
         set local statement_timeout = {};
         set local lock_timeout = 500;
         set local idle_in_transaction_session_timeout = 60000;
         set local timezone = 'UTC';
         set local row_security = on",
        match access {
            Access::Read => "isolation level repeatable read, read only",
            // As the service's own would begin: a role may be read-only by its settings.
            Access::Write => "isolation level read committed",
        },
        STATEMENT_TIMEOUT.as_millis()
    )
}

fn arguments(what: &str, parameters: &[&[String]]) -> Result<PgArguments, Error> {
    let mut arguments = PgArguments::default();
    for parameter in parameters {
        let added = arguments.add(*parameter);
        added.map_err(|error| Error::Missing(format!("{what}: {error}")))?;
    }
    Ok(arguments)
}

/// The message with what to do about it.
fn with_hint(error: &ServerError) -> String {
    error.hint().map_or_else(|| error.to_string(), |hint| format!("{error}; {hint}"))
}

/// Why a statement was refused; an error where the session itself was ended.
fn refusal(what: &str, error: &dyn sqlx::error::DatabaseError) -> Result<Refusal, Error> {
    let code = error.code().unwrap_or_default().into_owned();
    let message = crate::mask::text(error.message());
    match code.as_str() {
        "57P01" | "57P02" | "57P03" | "25P03" => {
            Err(Error::Gone { what: what.to_owned(), reason: message })
        }
        "57014" => {
            let message =
                format!("it took longer than {} s and was given up", STATEMENT_TIMEOUT.as_secs());
            Ok(Refusal { code, message })
        }
        _ => Ok(Refusal { code, message }),
    }
}

/// The ways in which a plan reads tables, and the tables that it goes through as a whole.
fn read_plan(plan: &Json, ways: &mut Vec<String>, whole: &mut Vec<String>) {
    let text = |name: &str| plan[name].as_str().unwrap_or_default();
    let (node, table, index) = (text("Node Type"), text("Relation Name"), text("Index Name"));
    match (table, index) {
        (_, index) if !index.is_empty() => ways.push(format!("{node} on {index}")),
        (table, _) if !table.is_empty() && node != "Bitmap Heap Scan" => {
            ways.push(format!("{node} on {table}"));
        }
        _ => {}
    }
    if node == "Seq Scan" && !table.is_empty() {
        whole.push(table.to_owned());
    }
    for below in plan["Plans"].as_array().into_iter().flatten() {
        read_plan(below, ways, whole);
    }
}
