//! Errors with the things that a trial (one run of the service) needs: files, programs, the database server
//! and so on. Failures of the service under test are evidence, not errors.

use crate::chain::{chain, debug_as_chain};
use std::path::PathBuf;

use spanproof_postgres::ServerError;

use crate::observation::spec_secrets;
use crate::spec::Spec;
use crate::{document, process, upstream};

/// An underlying error of any type.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Something that trials (runs of the service) need can't be created, used or removed.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum WorldError {
    /// The spec is invalid.
    #[error(transparent)]
    Document(#[from] document::Error),
    /// A file that the spec names can't be read or is invalid.
    #[error("{what} `{}`: {reason}", path.display())]
    File {
        /// The kind of file, such as `job file`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The service can't be built or started.
    #[error(transparent)]
    Process(#[from] process::Error),
    /// The build produced no binary.
    #[error("`cargo build --bin {bin}` produced no binary `{bin}`")]
    NoBinary {
        /// The name of the binary.
        bin: String,
    },
    /// The disposable Postgres failed.
    #[error(transparent)]
    Postgres(#[from] spanproof_postgres::Error),
    /// A seed file (SQL that runs in the database of every trial) failed.
    #[error("seed `{}` failed", path.display())]
    Seed {
        /// The file.
        path: PathBuf,
        /// The server's message, with the line in the file.
        source: Cause,
    },
    /// The service, which creates its tables at its start, did not become ready.
    #[error("the service did not become ready, and so did not create its tables: {reason}{tail}")]
    Migrate {
        /// The condition that was awaited, and the last state.
        reason: String,
        /// The last lines of the service's output, each one indented; may be empty.
        tail: String,
    },
    /// A helper (a process that the service needs, such as a broker) did not become ready, or exited.
    #[error("the helper `{name}` {what}{tail}")]
    Helper {
        /// The name of the helper.
        name: String,
        /// What happened, as a verb phrase.
        what: String,
        /// The last lines of the helper's output, each one indented; may be empty.
        tail: String,
    },
    /// The fake upstream failed.
    #[error(transparent)]
    Upstream(#[from] upstream::Error),
    /// The trial's database can't be read.
    #[error("the trial's database can't be read")]
    Database(#[source] ServerError),
    /// The server no longer answers: it died, or a signal stopped one of its sessions.
    #[error("{0}")]
    Server(String),
    /// A session of the server crashed or was killed. The server then ends all sessions and restarts, and may
    /// lose the latest writes.
    #[error(
        "the Postgres server restarted, because one of its processes crashed or was killed; the last rows that \
         were written may be lost"
    )]
    ServerRestarted,
    /// The trial took too long.
    #[error("the trial took longer than its limit of {} s; it waited for {awaited}", limit.as_secs_f32())]
    TimeOver {
        /// The limit of the whole trial.
        limit: std::time::Duration,
        /// What it waited for.
        awaited: &'static str,
    },
    /// Another process listens on a port that was assigned to the service, or did so for a moment.
    #[error("{}", port_taken(*port, process.as_deref()))]
    PortTaken {
        /// The port.
        port: u16,
        /// The process, as `pid (name)`; `None` if it can't be found.
        process: Option<String>,
        /// Whether the case certainly failed for this reason.
        is_certain: bool,
    },
    /// The service left more rows than a trial may have, or rows that can't be read in time.
    #[error("the case can't be judged: {0}")]
    TooMuch(String),
    /// The triggers of the witness, which log each attempt to insert a span, can't be created, or its
    /// evidence can't be read.
    #[error(
        "the witness failed: its triggers could not be created, or its evidence could not be read"
    )]
    Witness(#[source] ServerError),
    /// A fault can't be applied or removed.
    #[error("the fault `{name}` could not be applied or removed")]
    Fault {
        /// The name of the fault.
        name: String,
        /// The server's message, or a timeout.
        source: Cause,
    },
    /// SQL of a trial failed.
    #[error("the SQL to run {when} failed")]
    Sql {
        /// When it runs.
        when: &'static str,
        /// The server's message, with the line.
        source: Cause,
    },
    /// `[tables]` names a table or column that the migrations do not create.
    #[error("`{key}` = `{named}`: {missing}; found: {found}{hint}")]
    Schema {
        /// The key of the spec.
        key: String,
        /// The value of the key.
        named: String,
        /// What is missing.
        missing: String,
        /// The tables or columns that exist.
        found: String,
        /// `; did you mean …?`, and the value to use if there is no such table or column; may be empty.
        hint: String,
    },
    /// Several files or programs of the spec are missing or wrong.
    #[error("{}", list(errors))]
    Several {
        /// What is wrong, at least two errors.
        errors: Vec<WorldError>,
    },
    /// The spec does not have this name.
    #[error("the spec has no {kind} `{found}`{hint}")]
    Unknown {
        /// `route`, `upstream`, `job`, `flag` or `fault`.
        kind: &'static str,
        /// The name.
        found: String,
        /// `; did you mean …?`; may be empty.
        hint: String,
    },
}

/// Short name of [`WorldError`] inside the crate.
pub(crate) type Error = WorldError;

debug_as_chain!(WorldError);

impl From<super::rows::TooMuch> for Error {
    fn from(error: super::rows::TooMuch) -> Self {
        Self::TooMuch(error.to_string())
    }
}

impl Error {
    /// Masks the spec's secrets in the output of a process that the error quotes.
    pub(super) fn masked(mut self, spec: &Spec) -> Self {
        let secrets = spec_secrets(spec);
        match &mut self {
            Self::Helper { what, tail, .. } | Self::Migrate { reason: what, tail } => {
                (*what, *tail) = (secrets.text(what), secrets.text(tail));
            }
            _ => {}
        }
        self
    }

    /// Whether the user's files or arguments are wrong, and not the environment.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Document(_) | Self::File { .. } | Self::Unknown { .. } | Self::Schema { .. } => {
                true
            }
            Self::Several { errors } => errors.iter().any(Self::is_usage),
            Self::Process(error) => {
                matches!(
                    error,
                    process::Error::Missing { .. }
                        | process::Error::NoFolder { .. }
                        | process::Error::NotInPath { .. }
                        | process::Error::NotExecutable { .. }
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

/// Describes the process that took a port of the service, and what to do.
fn port_taken(port: u16, process: Option<&str>) -> String {
    let process =
        process.map_or("another process".to_owned(), |name| format!("the process {name}"));
    format!(
        "{process}, which does not belong to the case, listens on port {port}, which was assigned to the \
         service, so the service could not listen there; other ports were also taken; end that process, and run again"
    )
}

/// Lists the errors, each on its own line.
fn list(errors: &[Error]) -> String {
    let texts = errors.iter().map(|error| format!("\n{}", chain(error)));
    format!("{} files or programs are wrong:{}", errors.len(), texts.collect::<String>())
}
