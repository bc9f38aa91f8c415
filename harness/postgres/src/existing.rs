//! Existing servers, named by a URL: how to log in, and whether databases can be created there.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{Connection, PgPool};
use url::Url;

use super::Error;
use super::connection::connect_options;
use super::password::mask;
use super::query_limit::limited;
use super::server_error::Refusal;
use spanproof_lease::wait::{self, Attempt};

/// Time for an existing server to accept a connection.
pub(super) const LOGIN_TIMEOUT: Duration = Duration::from_secs(3);

/// Returns `url` with another database.
pub(super) fn with_database(url: &str, database: &str) -> Result<String, Error> {
    let mut parsed = parse(url)?;
    parsed.set_path(&format!("/{database}"));
    Ok(parsed.into())
}

/// Waits until the server accepts a connection. The server may still be starting, or have too many
/// connections.
pub(super) async fn wait_for_login(url: &str) -> Result<(), Error> {
    let connect = connect_options(url).map_err(|error| login_error(url, Refusal::from(error)))?;
    let connect = &connect;
    let login = wait::until("a login", LOGIN_TIMEOUT, || async move {
        match PgConnection::connect_with(connect).await.map_err(Refusal::from) {
            Ok(connection) => {
                drop(connection.close().await);
                Attempt::Done(Ok(()))
            }
            Err(Refusal(error)) if error.is_temporary() => {
                Attempt::NotYet(Refusal(error).to_string())
            }
            // Another attempt would be refused, too.
            Err(refusal) => Attempt::Done(Err(refusal)),
        }
    });
    login
        .await
        .map_err(|timeout| login_error(url, timeout))?
        .map_err(|error| login_error(url, error))
}

/// Returns the error of a failed login.
pub(super) fn login_error(
    url: &str,
    reason: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::Login { url: mask(url), source: reason.into() }
}

/// Checks that databases can be created on the server of `url`.
pub(super) async fn check_writable(pool: &PgPool, url: &str) -> Result<(), Error> {
    let unfit = |reason| Err(Error::Unfit { url: mask(url), reason });
    let sql = "select pg_is_in_recovery(),
                      current_setting('default_transaction_read_only') = 'on',
                      current_user::text,
                      (select rolcreatedb or rolsuper from pg_roles where rolname = current_user)";
    let (standby, read_only, role, creates): (bool, bool, String, Option<bool>) =
        limited(sqlx::query_as(sql).fetch_one(pool))
            .await
            .map_err(Error::database("check whether the server can be written to"))?;
    if standby {
        return unfit("it is a standby, which is read-only; name its primary".to_owned());
    }
    if read_only {
        let next = format!("`alter role {role} set default_transaction_read_only = off`");
        return unfit(format!(
            "it is read-only (`default_transaction_read_only` is on); name another server, or run {next}"
        ));
    }
    if creates != Some(true) {
        let next = format!("`alter role {role} createdb`");
        return unfit(format!(
            "the role `{role}` may not create databases; as an administrator, run {next}"
        ));
    }
    Ok(())
}

fn parse(url: &str) -> Result<Url, Error> {
    Url::parse(url).map_err(|error| {
        let expected = "expected `postgres://user@host:port/database`";
        login_error(url, format!("it is not a URL ({error}); {expected}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::chain;

    #[test]
    fn replaces_the_database_and_nothing_else() {
        for (url, other) in [
            (
                "postgres://u:p@h:5433/old?sslmode=disable",
                "postgres://u:p@h:5433/new?sslmode=disable",
            ),
            ("postgres://u@localhost/old?host=/run/pg", "postgres://u@localhost/new?host=/run/pg"),
            ("postgres://u@h", "postgres://u@h/new"),
        ] {
            assert_eq!(with_database(url, "new").unwrap(), other);
        }
    }

    #[test]
    fn rejects_a_string_that_is_not_a_url() {
        let error = chain(&with_database("postgres://[half", "x").unwrap_err());
        assert!(error.contains("it is not a URL"), "{error}");
    }
}
