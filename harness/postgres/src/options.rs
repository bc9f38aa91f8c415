//! The options of a server.

use std::path::PathBuf;

use super::{Error, Migrations, Prefix, Source, environment};

/// The oldest supported major version: `DROP DATABASE … WITH (FORCE)` came with 13.
pub(super) const OLDEST: u32 = 13;

/// Options of a disposable server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Options {
    /// Where the server comes from.
    pub source: Source,
    /// The required major version; `None` accepts any from 13 on.
    pub version: Option<u32>,
    /// Migrations that will probably be used. If this process starts the server from server binaries, it
    /// creates their template (the database that is cloned for each test) before the first test asks for it.
    pub migrations: Option<Migrations>,
    /// Whether to ignore the cache and create everything from scratch.
    pub fresh: bool,
    /// The folder of the cache; `None` for the user's cache.
    pub cache: Option<PathBuf>,
    /// The platform of a container, such as `linux/amd64`; `None` for Docker's default.
    pub platform: Option<String>,
    /// Whether the server listens on a TCP port of 127.0.0.1, with a generated password, for drivers that
    /// can't use a Unix socket. Containers and existing servers keep their own address.
    pub tcp: bool,
    /// The prefix of all names, such as those of databases and containers. Nothing with a different
    /// prefix is changed or removed.
    pub prefix: Prefix,
}

impl Options {
    /// Returns these options with the source from `SPANPROOF_POSTGRES`, or unchanged if the
    /// variable is not set.
    ///
    /// # Errors
    /// If the variable does not name a source.
    pub fn with_source_from_env(mut self) -> Result<Self, Error> {
        if let Some(source) = environment::source() {
            self.source = source.parse()?;
        }
        Ok(self)
    }

    /// Returns an error if the major version `found` is not acceptable. In the error, `server`
    /// names the server or its binaries.
    pub(super) fn check_version(&self, server: &str, found: u32) -> Result<(), Error> {
        let wanted = match self.version {
            Some(wanted) if wanted != found => {
                format!("expected {wanted}: install it, or change `version`")
            }
            _ if found < OLDEST => {
                format!("expected {OLDEST} or newer: install a newer one, or name another server")
            }
            _ => return Ok(()),
        };
        Err(Error::Version { server: server.to_owned(), found, wanted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_a_wrong_or_old_version_with_advice() {
        let any = Options::default();
        assert!(any.check_version("here", 15).is_ok());
        assert_eq!(
            any.check_version("here", 12).unwrap_err().to_string(),
            "here is PostgreSQL 12; expected 13 or newer: install a newer one, or name another server"
        );
        let sixteen = Options { version: Some(16), ..any };
        assert_eq!(
            sixteen.check_version("here", 15).unwrap_err().to_string(),
            "here is PostgreSQL 15; expected 16: install it, or change `version`"
        );
    }
}
