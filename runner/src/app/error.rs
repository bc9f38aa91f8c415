//! Errors that prevent the start. Each error is printed as one line, so its message includes its
//! cause. Passwords are masked in all messages.

use crate::config::{ConfigError, DatabaseUrl};
use crate::database_error::one_line;

/// The runner can't start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A flag has an invalid value.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database URL can't be parsed.
    #[error("DATABASE_URL is not a Postgres URL: `{url}`: {reason}")]
    DatabaseUrl {
        /// The URL; its `Display` masks the password.
        url: DatabaseUrl,
        /// Why it can't be parsed.
        reason: String,
    },
    /// The connection to the database failed.
    #[error("can't connect to the database at DATABASE_URL `{url}`: {reason}")]
    Unreachable {
        /// The URL; its `Display` masks the password.
        url: DatabaseUrl,
        /// Why the connection failed.
        reason: String,
    },
    /// The database did not answer in time.
    #[error("no answer within {seconds} s from the database at DATABASE_URL `{url}`")]
    Timeout {
        /// The URL; its `Display` masks the password.
        url: DatabaseUrl,
        /// The deadline, in seconds.
        seconds: u64,
    },
    /// A table is missing: the database is not migrated.
    #[error("the database has no table `{0}`: apply the migrations first")]
    MissingTable(&'static str),
    /// A query failed during the start.
    #[error("the database failed during the start: {}", one_line(.0))]
    Database(#[from] sqlx::Error),
    /// The HTTP client of the router can't be created.
    #[error("can't create the HTTP client of the router: {0}")]
    Router(#[from] reqwest::Error),
    /// The listener can't be bound.
    #[error("can't listen on `{address}` (HTTP_PORT): {source}")]
    Listen {
        /// The address.
        address: String,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// The runtime or a signal handler can't be created.
    #[error("can't set up the process: {0}")]
    System(#[from] std::io::Error),
}
