//! Connects to a server by its URL.

use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};

/// Parses the URL of a database for sqlx.
///
/// The driver takes what the URL leaves out from `PGHOST`, `PGSSLMODE` and so on, as libpq does. In
/// addition to what it understands, an IPv6 address may be in brackets, as URLs require.
///
/// # Errors
/// When the text is not a URL of a Postgres database.
pub fn connect_options(url: &str) -> Result<PgConnectOptions, sqlx::Error> {
    let options: PgConnectOptions = url.parse()?;
    if options.get_socket().is_some() {
        // libpq, too, uses no TLS on a socket, whatever `PGSSLMODE` is.
        return Ok(options.ssl_mode(PgSslMode::Disable));
    }
    let address = options.get_host().strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    Ok(match address.map(str::to_owned) {
        Some(address) => options.host(&address),
        None => options,
    })
}

/// Connects to the database of a URL.
pub(crate) async fn connect(url: &str) -> Result<PgConnection, sqlx::Error> {
    PgConnection::connect_with(&connect_options(url)?).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_is_passed_on_without_brackets() {
        let host = |url| connect_options(url).unwrap().get_host().to_owned();
        assert_eq!(host("postgres://u@[::1]:5433/x"), "::1");
        assert_eq!(host("postgres://u@db.example:5433/x"), "db.example");
    }
}
