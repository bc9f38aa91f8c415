//! A server that runs already, named by a URL.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, PgPool};
use url::Url;

use super::Error;
use super::error::server_message;
use spanproof_lease::wait::{self, Look};

/// How long a server that runs already may take to let us in.
const WITHIN: Duration = Duration::from_secs(3);

/// `url` with another database in it.
pub(super) fn with_database(url: &str, database: &str) -> Result<String, Error> {
    let mut parsed = parse(url)?;
    parsed.set_path(&format!("/{database}"));
    Ok(parsed.into())
}

/// `url` as it may be shown.
pub(super) fn shown(url: &str) -> String {
    crate::password::masked(url)
}

/// Why a login was refused, with what to do about it.
pub fn refusal(error: &sqlx::Error) -> String {
    let code = code_of(error);
    let next = match code.as_deref() {
        Some("28P01") => {
            "; put the right user and password into the URL, with `%40` for an `@` in them"
        }
        Some("28000") => "; allow this login in the server's `pg_hba.conf`, or name another user",
        Some("3D000") => "; name a database that exists, for instance `postgres`",
        Some("53300") => {
            "; end some of its connections, or raise its `max_connections` or the role's \
             `connection limit`"
        }
        None if matches!(error, sqlx::Error::Io(_)) => {
            "; is the server running, and are its host and port right?"
        }
        _ => "",
    };
    format!("{}{next}", server_message(error))
}

fn code_of(error: &sqlx::Error) -> Option<std::borrow::Cow<'_, str>> {
    error.as_database_error()?.code()
}

/// Whether a refused login may be let in a moment later.
pub(super) fn may_pass(error: &sqlx::Error) -> bool {
    let code = code_of(error);
    // It is starting up; it has too many clients just now.
    error.as_database_error().is_none() || matches!(code.as_deref(), Some("57P03" | "53300"))
}

/// Waits until the server lets us in; it may be starting, or have too many clients just now.
pub(super) async fn knock(url: &str) -> Result<(), Error> {
    let refused = |reason| Error::Login { place: shown(url), reason };
    let connect: PgConnectOptions = url.parse().map_err(|error| refused(refusal(&error)))?;
    let connect = &connect;
    wait::until("a login", WITHIN, || async move {
        match PgConnection::connect_with(connect).await {
            Ok(connection) => {
                drop(connection.close().await);
                Look::Done(Ok(()))
            }
            Err(error) if may_pass(&error) => Look::NotYet(refusal(&error)),
            // The server answered: it will not change its mind.
            Err(error) => Look::Done(Err(refusal(&error))),
        }
    })
    .await
    .map_err(|overdue| refused(overdue.to_string()))?
    .map_err(refused)
}

/// Whether databases can be made on a server that we were given; `url` names it in the error.
pub(super) async fn check(pool: &PgPool, url: &str) -> Result<(), Error> {
    let unfit = |reason| Err(Error::Unfit { place: shown(url), reason });
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
    Url::parse(url).map_err(|error| Error::Login {
        place: shown(url),
        reason: format!("it is not a URL ({error}); expected `postgres://user@host:port/database`"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let error = with_database("postgres://[half", "x").unwrap_err().to_string();
        assert!(error.contains("it is not a URL"), "{error}");
    }
}
