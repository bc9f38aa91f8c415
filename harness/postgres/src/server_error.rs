//! An error of a Postgres server, or on the way to it.

use std::error::Error as StdError;
use std::fmt;

use sqlx::postgres::{PgDatabaseError, PgErrorPosition};

/// What a Postgres server answered in place of a result, or why it could not be reached.
///
/// It prints the server's message with its SQLSTATE, and nothing of the driver around it.
pub struct ServerError(sqlx::Error);

/// The same as it prints: the driver's own form has rows in it.
impl fmt::Debug for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerError({self})")
    }
}

impl ServerError {
    /// The five characters of the SQLSTATE; `None` if the server did not answer.
    pub fn sqlstate(&self) -> Option<&str> {
        sqlstate(&self.0)
    }

    /// What to do about a connection that was refused; `None` if the message says it all.
    pub fn hint(&self) -> Option<&'static str> {
        hint(&self.0)
    }

    /// The line of `sql`, from 1, that the server's message points at; `None` if it points at none.
    pub fn line_in(&self, sql: &str) -> Option<usize> {
        line_of(&self.0, sql)
    }

    /// Whether the same connection may be accepted a moment later.
    pub(super) fn is_temporary(&self) -> bool {
        // The server is starting up, or has too many clients just now.
        matches!(self.sqlstate(), None | Some("57P03" | "53300"))
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&server_message(&self.0))
    }
}

/// The driver's own cause is in the message already, so the sources are those behind it.
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

/// A connection that was refused: the server's message, and what to do about it.
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
        sqlx::Error::Io(inner) => inner.to_string(),
        other => other.to_string(),
    }
}

/// The message, followed by its hint.
fn refusal(error: &sqlx::Error) -> String {
    let message = server_message(error);
    hint(error).map_or_else(|| message.clone(), |hint| format!("{message}; {hint}"))
}

fn line_of(error: &sqlx::Error, sql: &str) -> Option<usize> {
    let PgErrorPosition::Original(position) = answer(error)?.position()? else { return None };
    Some(sql.chars().take(position.saturating_sub(1)).filter(|c| *c == '\n').count() + 1)
}

fn answer(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    error.as_database_error()?.try_downcast_ref()
}

fn sqlstate(error: &sqlx::Error) -> Option<&str> {
    Some(answer(error)?.code())
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
            "this build has no TLS (feature `tls`)"
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
    fn the_text_is_the_servers_or_the_systems_and_no_cause_repeats_it() {
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
    fn a_build_without_tls_names_its_feature() {
        // The driver's own text.
        let text = "TLS upgrade required by connect options but SQLx was built without TLS support enabled";
        let error = ServerError::from(sqlx::Error::Tls(text.into()));
        assert_eq!(error.hint(), Some("this build has no TLS (feature `tls`)"));
        assert_eq!(ServerError::from(sqlx::Error::Tls("expired".into())).hint(), None);
    }
}
