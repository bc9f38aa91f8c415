//! Connects to a server by its URL.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};

/// Parses the URL of a database for sqlx.
///
/// If the URL leaves something out, the driver uses `PGHOST`, `PGSSLMODE` and so on, as libpq does.
/// This function also accepts an IPv6 address in brackets, as URLs require; the driver alone does
/// not.
///
/// # Errors
/// If the string is not a URL of a Postgres database.
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

/// The address of a database, for drivers that don't take a URL.
///
/// ```
/// use spanproof_postgres::Address;
///
/// let address = Address::parse("postgres://app:secret@127.0.0.1:5433/orders")?;
/// assert_eq!(address.host, "127.0.0.1");
/// let jdbc = "jdbc:postgresql://127.0.0.1:5433/orders?user=app&password=secret";
/// assert_eq!(address.jdbc().as_deref(), Some(jdbc));
/// # Ok::<(), sqlx::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Address {
    /// A host name, an IP address, or the folder of a Unix socket.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The name of the database.
    pub database: String,
    /// The role.
    pub user: String,
    /// The password before the `@` of the URL; empty if there is none.
    pub password: String,
}

impl Address {
    /// Parses the URL of a database.
    ///
    /// # Errors
    /// If the string is not a URL of a Postgres database.
    pub fn parse(url: &str) -> Result<Self, sqlx::Error> {
        let options = connect_options(url)?;
        let socket = options.get_socket().map(|path| path.to_string_lossy().into_owned());
        let parsed = url::Url::parse(url).map_err(sqlx::Error::config)?;
        let password = parsed.password().unwrap_or_default();
        Ok(Self {
            host: socket.unwrap_or_else(|| options.get_host().to_owned()),
            port: options.get_port(),
            database: options.get_database().unwrap_or_default().to_owned(),
            user: options.get_username().to_owned(),
            password: percent_decode_str(password).decode_utf8_lossy().into_owned(),
        })
    }

    /// Returns whether the server is reached over a Unix socket.
    pub fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }

    /// Returns the URL for JDBC, with user and password; `None` for a Unix socket, which the driver
    /// can't use.
    pub fn jdbc(&self) -> Option<String> {
        if self.is_socket() {
            return None;
        }
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let mut url = format!(
            "jdbc:postgresql://{host}:{}/{}?user={}",
            self.port,
            encoded(&self.database).replace("%5F", "_"),
            encoded(&self.user).replace("%5F", "_")
        );
        if !self.password.is_empty() {
            url.push_str("&password=");
            url.push_str(&encoded(&self.password));
        }
        Some(url)
    }

    /// Returns the connection string for .NET: `Host=…;Port=…;Database=…;Username=…`, with the
    /// password if there is one.
    pub fn dotnet(&self) -> String {
        let quoted = |text: &str| {
            if text.contains([';', '\'', '"', '=', ' ']) {
                format!("\"{}\"", text.replace('"', "\"\""))
            } else {
                text.to_owned()
            }
        };
        let Self { host, port, database, user, password } = self;
        let start = format!(
            "Host={};Port={port};Database={};Username={}",
            quoted(host),
            quoted(database),
            quoted(user)
        );
        if password.is_empty() {
            return start;
        }
        format!("{start};Password={}", quoted(password))
    }
}

/// Prints everything but the password.
impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, port, database, user, .. } = self;
        write!(f, "Address({user}@{host}:{port}/{database})")
    }
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

    #[test]
    fn an_address_is_formatted_for_other_drivers() {
        let address = Address::parse("postgres://a%40b:p%3Bq@[::1]:5433/my_db").unwrap();
        assert_eq!((address.user.as_str(), address.password.as_str()), ("a@b", "p;q"));
        let jdbc = "jdbc:postgresql://[::1]:5433/my_db?user=a%40b&password=p%3Bq";
        assert_eq!(address.jdbc().unwrap(), jdbc);
        let dotnet = "Host=::1;Port=5433;Database=my_db;Username=a@b;Password=\"p;q\"";
        assert_eq!(address.dotnet(), dotnet);
        assert!(!format!("{address:?}").contains("p;q"));
    }

    #[test]
    fn a_socket_has_no_jdbc_url() {
        let address = Address::parse("postgres://u@localhost:5432/x?host=/run/pg").unwrap();
        assert_eq!((address.host.as_str(), address.jdbc()), ("/run/pg", None));
        assert_eq!(address.dotnet(), "Host=/run/pg;Port=5432;Database=x;Username=u");
    }
}
