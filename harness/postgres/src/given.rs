//! A server that runs already, named by a URL.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, PgPool};
use url::Url;

use super::Error;
use super::password::masked;
use super::server_error::Refusal;
use spanproof_lease::wait::{self, Look};

/// How long a server that runs already may take to let us in.
const WITHIN: Duration = Duration::from_secs(3);

/// `url` with another database in it.
pub(super) fn with_database(url: &str, database: &str) -> Result<String, Error> {
    let mut parsed = parse(url)?;
    parsed.set_path(&format!("/{database}"));
    Ok(parsed.into())
}

/// Waits until the server accepts a connection; it may be starting, or have too many clients.
pub(super) async fn wait_for_login(url: &str) -> Result<(), Error> {
    let connect: PgConnectOptions =
        url.parse().map_err(|error: sqlx::Error| login_error(url, Refusal::from(error)))?;
    let connect = &connect;
    let answer = wait::until("a login", WITHIN, || async move {
        match PgConnection::connect_with(connect).await.map_err(Refusal::from) {
            Ok(connection) => {
                drop(connection.close().await);
                Look::Done(Ok(()))
            }
            Err(Refusal(error)) if error.is_temporary() => Look::NotYet(Refusal(error).to_string()),
            // The server answered: it will not change its mind.
            Err(refusal) => Look::Done(Err(refusal)),
        }
    });
    answer
        .await
        .map_err(|overdue| login_error(url, overdue))?
        .map_err(|error| login_error(url, error))
}

/// The error of a login that did not succeed.
pub(super) fn login_error(
    url: &str,
    reason: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::Login { place: masked(url), source: reason.into() }
}

/// Whether databases can be made on a server that we were given; `url` names it in the error.
pub(super) async fn check(pool: &PgPool, url: &str) -> Result<(), Error> {
    let unfit = |reason| Err(Error::Unfit { place: masked(url), reason });
    let sql = "select pg_is_in_recovery(),
                      current_setting('default_transaction_read_only') = 'on',
                      current_user::text,
                      (select rolcreatedb or rolsuper from pg_roles where rolname = current_user)";
    let (standby, read_only, role, creates): (bool, bool, String, Option<bool>) =
        sqlx::query_as(sql)
            .fetch_one(pool)
            .await
            .map_err(Error::database("ask the server whether it can be written to"))?;
    if standby {
        let next = "name its primary";
        return unfit(format!("it is a standby and can only be read; {next}"));
    }
    if read_only {
        let next = format!("`alter role {role} set default_transaction_read_only = off`");
        return unfit(format!(
            "it is read-only (`default_transaction_read_only` is on); name another one, or run {next}"
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
    fn the_database_is_exchanged_and_all_else_stays() {
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
    fn a_text_that_is_no_url_is_named() {
        let error = chain(&with_database("postgres://[half", "x").unwrap_err());
        assert!(error.contains("it is not a URL"), "{error}");
    }
}
