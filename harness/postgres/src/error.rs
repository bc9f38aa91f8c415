//! Errors of a disposable Postgres, each with advice on what to do.

use std::io;
use std::path::PathBuf;

use super::server_error::{Refusal, ServerError};

/// The cause of an error.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A disposable Postgres could not be started, migrated or used.
///
/// `{}` leaves out the [source](std::error::Error::source); `{:?}` prints the error with all its
/// causes.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No [`Source`](crate::Source) provides an acceptable server.
    #[error(
        "no Postgres found; tried {tried}\n  to get one: install server binaries \
         (Debian: `apt-get install postgresql`), start Docker, or name a server with \
         `SPANPROOF_POSTGRES=postgres://user@host/db`"
    )]
    NoSource {
        /// Each source with the reason why it was passed over.
        tried: String,
    },
    /// The value of `SPANPROOF_POSTGRES`, or a string to be parsed as a [`Source`](crate::Source), does not
    /// name a source.
    #[error(
        "`{found}` is not a Postgres source; expected `auto`, a URL `postgres://…`, \
         `binaries`, `binaries:FOLDER`, `docker`, `docker:IMAGE`, `download` or `download:VERSION`"
    )]
    UnknownSource {
        /// The value, with passwords masked.
        found: String,
    },
    /// A string is not a valid [`Prefix`](crate::Prefix).
    #[error(
        "`{found}` is not a valid prefix for the names of databases and containers; expected 1 to 20 lower-case \
         letters and digits, the first of them a letter; `pg`, `public` and `none` are reserved"
    )]
    Prefix {
        /// The string.
        found: String,
    },
    /// A feature is missing in this build.
    #[error("this build has no {what}; build it with the Cargo feature `{feature}`")]
    Feature {
        /// What is missing.
        what: &'static str,
        /// The feature that adds it.
        feature: &'static str,
    },
    /// A server's major version is not the required one, or is too old.
    #[error("{server} is PostgreSQL {found}; {wanted}")]
    Version {
        /// The server or its binaries.
        server: String,
        /// The major version found.
        found: u32,
        /// The expected version, and what to do.
        wanted: String,
    },
    /// A login was refused, or the server can't be reached.
    #[error("could not log in to {url}")]
    Login {
        /// The server, with the password masked.
        url: String,
        /// The reason, with advice.
        #[source]
        source: Cause,
    },
    /// The server of `Source::Url` accepts connections, but no database can be created on it.
    #[error("no database can be created on {url}: {reason}")]
    Unfit {
        /// The server, with the password masked.
        url: String,
        /// The reason, with advice.
        reason: String,
    },
    /// Server binaries exist but can't be run.
    #[error("`{program}` can't be run{user}: {reason}; {next}")]
    Unrunnable {
        /// The program.
        program: PathBuf,
        /// ` as USER`, if the program runs as another user; otherwise empty.
        user: String,
        /// The system's reason, or the program's output.
        reason: String,
        /// What to do.
        next: &'static str,
    },
    /// Docker does not answer.
    #[error(
        "Docker does not answer{host}: {reason}; start it, allow this user to use it, or set `DOCKER_HOST` \
         to its address"
    )]
    NoDocker {
        /// ` at HOST`, if `DOCKER_HOST` is set; otherwise empty.
        host: String,
        /// The reason.
        reason: String,
    },
    /// Docker does not have an image and can't pull it.
    #[error(
        "Docker has no image `{image}`{platform} and can't pull it: {reason}; try `docker pull {image}`, \
         or use an image that `docker images` lists: `docker:IMAGE`"
    )]
    NoImage {
        /// The image.
        image: String,
        /// ` for PLATFORM`, if the options name one; otherwise empty.
        platform: String,
        /// The reason.
        reason: String,
    },
    /// Docker has the image, but no server starts in a container of that image.
    #[error("{what} of the image `{image}`: {reason}{log}\n  {next}")]
    Container {
        /// What failed, such as `no server started in a container`.
        what: &'static str,
        /// The image.
        image: String,
        /// The reason.
        reason: String,
        /// The last lines of the container's log, each on an indented line; may be empty.
        log: String,
        /// What to do.
        next: String,
    },
    /// Server binaries could not be downloaded.
    #[error("PostgreSQL {version} could not be downloaded{from}: {reason}; {next}")]
    Download {
        /// The version.
        version: String,
        /// ` from URL`; empty if the URL is not known yet.
        from: String,
        /// The reason.
        reason: String,
        /// What to do.
        next: &'static str,
    },
    /// The server did not start, or it stopped.
    #[error("the Postgres server in `{folder}` {what}{log}")]
    Server {
        /// The server's folder.
        folder: PathBuf,
        /// What happened.
        what: String,
        /// The last lines of the server's log, each on an indented line; may be empty.
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
    /// This process runs as root, a server needs another user, and none exists.
    #[error(
        "Postgres refuses to run as root, and none of the users {tried} exists; \
         create one: `useradd --system postgres`"
    )]
    NoUser {
        /// The users that were looked up.
        tried: String,
    },
    /// A database could not be created, cloned or dropped.
    #[error("could not {what}")]
    Database {
        /// The operation, with the database's name.
        what: String,
        /// The server's reason.
        #[source]
        source: ServerError,
    },
    /// The database to be dropped was not kept: [`Database::keep`](crate::Database::keep) did not leave it on
    /// the server.
    #[error(
        "could not drop database `{database}`: only a database that `Database::keep` left on the server can be \
         dropped"
    )]
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
    /// [`Database::close`](crate::Database::close) dropped a database on which sessions were open.
    #[error(
        "database `{database}` was dropped with sessions still on it: {sessions}; \
         close each connection, and each pool with `close().await`"
    )]
    Leaked {
        /// The database.
        database: String,
        /// Each session: its process, role, application, state and last statement.
        sessions: String,
    },
    /// The migrations folder can't be used.
    #[error("could not use the migrations in `{folder}`")]
    Migrations {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with the folder, and what to do.
        #[source]
        source: Cause,
    },
    /// A migration failed on the server.
    #[error("migration `{file}`:{line} failed{next}")]
    Migration {
        /// The file.
        file: String,
        /// The line of the statement that failed.
        line: usize,
        /// What to do, after a semicolon; empty if there is no advice for this error.
        next: &'static str,
        /// The server's message.
        #[source]
        source: ServerError,
    },
    /// The code that was added with [`Migrations::then`](crate::Migrations::then) failed. It creates tables
    /// after the files have run.
    #[error("the code that creates the tables failed")]
    Creator(#[source] Cause),
    /// An operation on a file, folder, process or thread failed.
    #[error("{what}")]
    System {
        /// What failed.
        what: String,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The thread that talks to the server has ended.
    #[error("the disposable server is closed")]
    Closed,
}

/// Prints the message with all causes, because `unwrap` and a test that returns an error use this
/// format.
impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&chain(self))
    }
}

impl Error {
    /// Returns the server's error; `None` if the error has a different cause.
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

/// Returns an error with its causes on one line. Leaves out a cause whose text is already on the
/// line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| match cause.to_string() {
        cause if text.contains(&cause) => text,
        cause => format!("{text}: {cause}"),
    })
}
