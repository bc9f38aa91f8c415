//! Why the runner does not start. No message shows a password, and each tells its
//! cause: it is printed as one line.

use crate::config::{DatabaseUrl, Problem};
use crate::database_error::told;

/// The runner can't start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A flag.
    #[error(transparent)]
    Config(#[from] Problem),
    /// The database's URL can't be read.
    #[error("DATABASE_URL is not a Postgres URL: `{url}`: {reason}")]
    DatabaseUrl {
        /// The URL, which masks itself.
        url: DatabaseUrl,
        /// Why.
        reason: String,
    },
    /// The database can't be reached.
    #[error("can't connect to the database at DATABASE_URL `{url}`: {reason}")]
    Unreachable {
        /// The URL, which masks itself.
        url: DatabaseUrl,
        /// Why.
        reason: String,
    },
    /// The database did not answer.
    #[error("no answer within {seconds} s from the database at DATABASE_URL `{url}`")]
    Silent {
        /// The URL, which masks itself.
        url: DatabaseUrl,
        /// How long was waited.
        seconds: u64,
    },
    /// The database has not been migrated.
    #[error("the database has no table `{0}`: apply the migrations first")]
    NoTable(&'static str),
    /// The database failed during the start.
    #[error("the database failed during the start: {}", told(.0))]
    Database(#[from] sqlx::Error),
    /// The router's client can't be made.
    #[error("the router's client can't be made: {0}")]
    Router(#[from] reqwest::Error),
    /// The address can't be listened on.
    #[error("can't listen on `{address}` (HTTP_PORT): {source}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The operating system refused something every program needs.
    #[error("can't set up the process: {0}")]
    System(#[from] std::io::Error),
}
