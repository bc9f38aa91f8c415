//! An error of a Postgres server, or of the connection to it.

use std::error::Error as StdError;
use std::fmt;
use std::io::ErrorKind;

use sqlx::postgres::{PgDatabaseError, PgErrorPosition};

/// An error message of a Postgres server, or the reason why the server could not be reached.
///
/// It prints the server's message with its SQLSTATE, without the text that the driver adds.
pub struct ServerError(sqlx::Error);

/// Prints the message only: the driver's `Debug` output may contain rows.
impl fmt::Debug for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerError({self})")
    }
}

impl ServerError {
    /// Returns the five characters of the SQLSTATE; `None` if the server did not answer.
    pub fn sqlstate(&self) -> Option<&str> {
        sqlstate(&self.0)
    }

    /// Returns what to do about a refused connection; `None` if there is no advice for this error.
    pub fn hint(&self) -> Option<&'static str> {
        hint(&self.0)
    }

    /// Returns the line of `sql` that the server's message refers to, counted from 1; `None` if the
    /// message has no position.
    pub fn line_in(&self, sql: &str) -> Option<usize> {
        line_of(&self.0, sql)
    }

    /// Returns whether another attempt to connect could succeed a moment later.
    pub(super) fn is_temporary(&self) -> bool {
        // No answer, a server that is starting, and a server with too many connections.
        matches!(self.sqlstate(), None | Some("57P03" | "53300"))
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&server_message(&self.0))
    }
}

/// The message already contains the driver's first cause, so `source` returns the second one.
impl StdError for ServerError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0 {
            sqlx::Error::Io(inner) => inner.source(),
            other => other.source()?.source(),
        }
    }
}

impl From<sqlx::Error> for ServerError {
    fn from(error: sqlx::Error) -> Self {
        Self(error)
    }
}

/// A refused connection: the server's message with advice.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) ServerError);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&refusal(&self.0.0))
    }
}

impl StdError for Refusal {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Self(error.into())
    }
}

fn server_message(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(inner) => match inner.code() {
            Some(code) => format!("{} (SQLSTATE {code})", inner.message()),
            None => inner.message().to_owned(),
        },
        sqlx::Error::Io(inner) => connection_message(inner),
        other => other.to_string(),
    }
}

/// Returns what happened to a connection, in place of the driver's count of bytes.
fn connection_message(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::UnexpectedEof
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe => {
            "the server closed the connection: it was stopped, or its session was killed".to_owned()
        }
        ErrorKind::TimedOut => "the server did not answer in time".to_owned(),
        _ => error.to_string(),
    }
}

/// Returns the message, followed by its hint.
fn refusal(error: &sqlx::Error) -> String {
    let message = server_message(error);
    hint(error).map_or_else(|| message.clone(), |hint| format!("{message}; {hint}"))
}

fn line_of(error: &sqlx::Error, sql: &str) -> Option<usize> {
    let PgErrorPosition::Original(position) = postgres_error(error)?.position()? else {
        return None;
    };
    Some(sql.chars().take(position.saturating_sub(1)).filter(|c| *c == '\n').count() + 1)
}

fn postgres_error(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    error.as_database_error()?.try_downcast_ref()
}

fn sqlstate(error: &sqlx::Error) -> Option<&str> {
    Some(postgres_error(error)?.code())
}

fn hint(error: &sqlx::Error) -> Option<&'static str> {
    let hint = match sqlstate(error) {
        Some("28P01") => {
            "put the right user and password into the URL, with `%40` for an `@` in them"
        }
        Some("28000") => "allow this login in the server's `pg_hba.conf`, or name another user",
        Some("3D000") => "name a database that exists, for instance `postgres`",
        Some("53300") => {
            "end some of its connections, or raise its `max_connections` or the role's \
             `connection limit`"
        }
        None if matches!(error, sqlx::Error::Io(_)) => {
            "is the server running, and are its host and port right?"
        }
        None if matches!(error, sqlx::Error::Tls(_))
            && error.to_string().contains("without TLS support") =>
        {
            "this build has no TLS; build it with the Cargo feature `tls`"
        }
        _ => return None,
    };
    Some(hint)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn prints_the_reason_without_repeating_it_as_a_cause() {
        let refused = || io::Error::from_raw_os_error(nix::libc::ECONNREFUSED);
        let error = Refusal::from(sqlx::Error::Io(refused()));
        let hint = "is the server running, and are its host and port right?";
        assert_eq!(error.0.to_string(), "Connection refused (os error 111)");
        assert_eq!(error.to_string(), format!("{}; {hint}", error.0));
        assert!(error.source().is_none() && error.0.sqlstate().is_none());
        let configuration = sqlx::Error::Configuration(Box::new(refused()));
        let error = ServerError::from(configuration);
        assert!(error.to_string().ends_with(": Connection refused (os error 111)"), "{error}");
        assert!(error.source().is_none());
    }

    #[test]
    fn a_closed_connection_is_named_in_plain_words() {
        let closed = "the server closed the connection: it was stopped, or its session was killed";
        for (kind, expected) in [
            (ErrorKind::UnexpectedEof, closed),
            (ErrorKind::ConnectionReset, closed),
            (ErrorKind::BrokenPipe, closed),
            (ErrorKind::TimedOut, "the server did not answer in time"),
        ] {
            // The text of the driver.
            let error = io::Error::new(kind, "expected to read 5 bytes, got 0 bytes at EOF");
            let error = ServerError::from(sqlx::Error::Io(error));
            assert_eq!(error.to_string(), expected);
            assert!(error.source().is_none());
        }
    }

    #[test]
    fn a_build_without_tls_names_the_missing_feature() {
        // This is the text of the driver.
        let text = "TLS upgrade required by connect options but SQLx was built without TLS support enabled";
        let error = ServerError::from(sqlx::Error::Tls(text.into()));
        assert_eq!(
            error.hint(),
            Some("this build has no TLS; build it with the Cargo feature `tls`")
        );
        assert_eq!(ServerError::from(sqlx::Error::Tls("expired".into())).hint(), None);
    }
}
