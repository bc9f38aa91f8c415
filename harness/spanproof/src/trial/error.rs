//! What makes a trial impossible: our own world, never the service under test.

use crate::chain::debug_as_chain;
use std::path::PathBuf;

use spanproof_postgres::ServerError;

use crate::{document, process, upstream};

/// A cause of some other type.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The world of a trial did not come up.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum WorldError {
    /// A file of the spec.
    #[error(transparent)]
    Document(#[from] document::Error),
    /// A file that the spec names.
    #[error("{what} `{}`: {reason}", path.display())]
    File {
        /// What it should be.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// The service could not be built or started.
    #[error(transparent)]
    Process(#[from] process::Error),
    /// The build gave no such binary.
    #[error("`cargo build --bin {bin}` made no binary of that name")]
    NoBinary {
        /// The binary.
        bin: String,
    },
    /// The disposable Postgres.
    #[error(transparent)]
    Postgres(#[from] spanproof_postgres::Error),
    /// A seed file failed in a case's database.
    #[error("seed `{}` failed", path.display())]
    Seed {
        /// The file.
        path: PathBuf,
        /// The server's message, with the line of the file that it is about.
        source: Cause,
    },
    /// The fake upstream.
    #[error(transparent)]
    Upstream(#[from] upstream::Error),
    /// The database of the case could not be read.
    #[error("the case's database can't be read")]
    Database(#[source] ServerError),
    /// The witness could not be put on, or heard.
    #[error("the database witness failed")]
    Witness(#[source] ServerError),
    /// A fault of the world could not be made to happen, or put right.
    #[error("the fault `{name}` could not be brought about")]
    Fault {
        /// Its name.
        name: String,
        /// The server's message, or what was awaited.
        source: Cause,
    },
    /// SQL that a trial runs in its database failed there.
    #[error("the SQL that is run {when} failed")]
    Sql {
        /// When it is run.
        when: &'static str,
        /// The server's message, with the line that it is about.
        source: Cause,
    },
    /// `[tables]` names what the migrations do not make.
    #[error("`{key}` = `{named}`: {missing}; found: {found}{hint}")]
    Schema {
        /// The key of the spec.
        key: String,
        /// What it names.
        named: String,
        /// What there is not.
        missing: String,
        /// What there is instead.
        found: String,
        /// `; did you mean …?`, and how to switch the key off; or nothing.
        hint: String,
    },
    /// A name that the spec does not have.
    #[error("the spec has no {kind} `{found}`{hint}")]
    Unknown {
        /// Route, upstream, job, flag or fault.
        kind: &'static str,
        /// The name.
        found: String,
        /// `; did you mean …?` or nothing.
        hint: String,
    },
}

/// The error of this module, by its short name.
pub(crate) type Error = WorldError;

debug_as_chain!(WorldError);

impl Error {
    /// Whether the user's own files or words are wrong, and not the world around them.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Document(_) | Self::File { .. } | Self::Unknown { .. } | Self::Schema { .. } => {
                true
            }
            Self::Process(error) => {
                matches!(
                    error,
                    process::Error::Missing { .. } | process::Error::NotExecutable { .. }
                )
            }
            Self::Postgres(error) => {
                matches!(
                    error,
                    spanproof_postgres::Error::Migrations { .. }
                        | spanproof_postgres::Error::UnknownSource { .. }
                )
            }
            _ => false,
        }
    }
}
