//! Why the runner does not start. No message shows a password.

use crate::config::{DatabaseUrl, Problem};

/// The runner can't start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A flag.
    #[error(transparent)]
    Config(#[from] Problem),
    /// The database's URL can't be read.
    #[error("DATABASE_URL is not a Postgres URL: `{url}`")]
    DatabaseUrl {
        /// The URL, which masks itself.
        url: DatabaseUrl,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The database can't be reached.
    #[error("can't connect to the database at DATABASE_URL `{url}`")]
    Unreachable {
        /// The URL, which masks itself.
        url: DatabaseUrl,
        /// Why.
        #[source]
        source: sqlx::Error,
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
    #[error("the database failed during the start")]
    Database(#[from] sqlx::Error),
    /// The router's client can't be made.
    #[error("the router's client can't be made")]
    Router(#[from] reqwest::Error),
    /// The address can't be listened on.
    #[error("can't listen on `{address}` (HTTP_PORT)")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The operating system refused something every program needs.
    #[error("can't set up the process")]
    System(#[from] std::io::Error),
}

impl StartError {
    /// The error and its causes on one line.
    pub fn line(&self) -> String {
        let mut texts = vec![self.to_string()];
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let text = error.to_string();
            // Some causes repeat what is around them.
            if !texts.iter().any(|told| told.contains(&text)) {
                texts.push(text);
            }
            cause = error.source();
        }
        texts.join(": ").replace(['\n', '\r'], " ")
    }
}
