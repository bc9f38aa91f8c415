//! What can go wrong with a disposable Postgres; each error says what to do next.

use std::io;
use std::path::PathBuf;

use super::server_error::{Refusal, ServerError};

/// An error of any kind beneath one of ours.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A disposable Postgres could not be started, filled or used.
///
/// `{}` leaves out what the [source](std::error::Error::source) says; `{:?}` prints the error with all
/// its causes. Where advice follows a reason, both are in the text.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No source has a server that will do.
    #[error(
        "no Postgres to be had; tried {tried}\n  to get one: install server binaries \
         (Debian: `apt-get install postgresql`), start Docker, or name a server with \
         `SPANPROOF_POSTGRES=postgres://user@host/db`"
    )]
    NoSource {
        /// Each source with the reason why it was passed over.
        tried: String,
    },
    /// `SPANPROOF_POSTGRES` or a text names no known source.
    #[error(
        "`{found}` is not a Postgres source; expected `auto`, a URL `postgres://…`, \
         `binaries`, `binaries:FOLDER`, `docker`, `docker:IMAGE`, `download` or `download:VERSION`"
    )]
    UnknownSource {
        /// What was found.
        found: String,
    },
    /// The text is not a valid prefix.
    #[error(
        "`{found}` is not a valid prefix; expected up to 20 lower-case letters and digits, a letter first, \
         and not `pg`, `public` or `none`"
    )]
    Prefix {
        /// What was found.
        found: String,
    },
    /// The build lacks what was asked for.
    #[error("this build has no {what} (feature `{feature}`)")]
    Feature {
        /// What it lacks.
        what: &'static str,
        /// The feature that has it.
        feature: &'static str,
    },
    /// A server's major version is not the wanted one, or is too old.
    #[error("{place} is PostgreSQL {found}; {wanted}")]
    Version {
        /// Which server or binary.
        place: String,
        /// Its major version.
        found: u32,
        /// What was wanted instead, and what to do.
        wanted: String,
    },
    /// A login was refused, or the server can't be reached.
    #[error("could not log in to {place}")]
    Login {
        /// The server, without its password.
        place: String,
        /// The reason, with what to do.
        #[source]
        source: Cause,
    },
    /// A given server accepts connections, and no database can be made on it.
    #[error("no databases can be made on {place}: {reason}")]
    Unfit {
        /// The server, without its password.
        place: String,
        /// Why, with what to do.
        reason: String,
    },
    /// Server binaries are there and can't be run.
    #[error("`{program}` can't be run{user}: {reason}; {next}")]
    Unrunnable {
        /// The program.
        program: PathBuf,
        /// ` as USER`, where we run it as somebody else.
        user: String,
        /// The system's reason, or the program's output.
        reason: String,
        /// What to do.
        next: &'static str,
    },
    /// Docker does not answer.
    #[error(
        "Docker does not answer{place}: {reason}; start it, or say with `DOCKER_HOST` where it is"
    )]
    NoDocker {
        /// ` at PLACE`, where `DOCKER_HOST` names one.
        place: String,
        /// The reason.
        reason: String,
    },
    /// Docker does not have an image and can't pull it.
    #[error(
        "Docker has no image `{image}`{platform} and can't pull it: {reason}; `docker pull {image}` \
         repeats that, and `docker:IMAGE` as the source names one of `docker images`"
    )]
    NoImage {
        /// The image.
        image: String,
        /// ` for PLATFORM`, where one is asked for.
        platform: String,
        /// The reason.
        reason: String,
    },
    /// Docker has the image, and no server starts in a container of it.
    #[error("{what} of the image `{image}`: {reason}{log}\n  {next}")]
    Container {
        /// What could not be done with a container.
        what: &'static str,
        /// The image.
        image: String,
        /// The reason.
        reason: String,
        /// The end of the container's log, each line indented, or nothing.
        log: String,
        /// What to do.
        next: String,
    },
    /// Server binaries could not be downloaded.
    #[error("PostgreSQL {version} could not be downloaded{place}: {reason}; {next}")]
    Download {
        /// The version.
        version: String,
        /// ` from URL`, once it is known from where, or nothing.
        place: String,
        /// The reason.
        reason: String,
        /// What to do.
        next: &'static str,
    },
    /// The server did not come up, or went down.
    #[error("the Postgres server in `{folder}` {what}{log}")]
    Server {
        /// Its data folder.
        folder: PathBuf,
        /// What happened.
        what: String,
        /// The end of its own log, each line indented, or nothing.
        log: String,
    },
    /// A program of Postgres failed.
    #[error("`{program}` failed: {reason}")]
    Program {
        /// The program.
        program: String,
        /// Its output.
        reason: String,
    },
    /// As root a server needs an unprivileged user, and there is none.
    #[error(
        "running as root, and Postgres refuses to; found none of the users {tried} to run it as; \
         create one: `useradd --system postgres`"
    )]
    NoUser {
        /// The users that were looked for.
        tried: String,
    },
    /// A database could not be created, cloned or dropped.
    #[error("could not {what}")]
    Database {
        /// What was being done, with the database's name.
        what: String,
        /// The server's reason.
        #[source]
        source: ServerError,
    },
    /// A database that was to be removed is not one that was kept.
    #[error("could not drop database `{database}`: it is not one that was kept")]
    NotKept {
        /// The database.
        database: String,
    },
    /// A container could not be removed.
    #[error("could not remove the container of the image `{image}`")]
    Removal {
        /// The image.
        image: String,
        /// Docker's reason.
        #[source]
        source: Cause,
    },
    /// A database was closed while somebody was still connected.
    #[error(
        "database `{database}` was dropped with sessions still on it: {sessions}; \
         close each connection, and each pool with `close().await`"
    )]
    Leaked {
        /// The database.
        database: String,
        /// Each session, by its process, role, application, state and last statement.
        sessions: String,
    },
    /// The migrations folder can't be used as it is.
    #[error("migrations in `{folder}`")]
    Migrations {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it, and what to do.
        #[source]
        source: Cause,
    },
    /// A migration failed on the server.
    #[error("migration `{file}`{line} failed")]
    Migration {
        /// The file.
        file: String,
        /// `:LINE` where the server names a position, or nothing.
        line: String,
        /// The server's message.
        #[source]
        source: ServerError,
    },
    /// A file, folder or process could not be made.
    #[error("{what}")]
    System {
        /// What was being done.
        what: String,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The thread that speaks to the server has ended.
    #[error("the connection to the disposable server is closed")]
    Closed,
}

/// The text with all causes: it is what `unwrap` and a test that returns an error print.
impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&chain(self))
    }
}

impl Error {
    /// What the server answered, where a server's answer is the reason.
    pub fn server(&self) -> Option<&ServerError> {
        match self {
            Self::Database { source, .. } | Self::Migration { source, .. } => Some(source),
            Self::Login { source, .. } => source.downcast_ref().map(|Refusal(error)| error),
            _ => None,
        }
    }

    pub(super) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }

    pub(super) fn database(what: impl Into<String>) -> impl FnOnce(sqlx::Error) -> Self {
        let what = what.into();
        move |source| Self::Database { what, source: source.into() }
    }
}

/// Returns an error in one line with its causes, without those whose words are there already.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| match cause.to_string() {
        cause if text.contains(&cause) => text,
        cause => format!("{text}: {cause}"),
    })
}
