//! What a server is asked to be.

use std::path::PathBuf;

use super::{Error, Migrations, Prefix, Source, environment};

/// The oldest major version that works: `DROP DATABASE … WITH (FORCE)` came with 13.
pub(super) const OLDEST: u32 = 13;

/// What a disposable server should be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Options {
    /// Where it comes from.
    pub source: Source,
    /// The major version it must have; `None` for any from 13 on.
    pub version: Option<u32>,
    /// Migrations that are likely to be wanted: a server of our own has them from the start.
    pub migrations: Option<Migrations>,
    /// Whether everything is made from nothing, without the cache.
    pub fresh: bool,
    /// The folder of the cache; `None` for the user's.
    pub cache: Option<PathBuf>,
    /// The platform of a container, such as `linux/amd64`; `None` for Docker's own.
    pub platform: Option<String>,
    /// What the names of everything of ours begin with. What another prefix names is never touched.
    pub prefix: Prefix,
}

impl Options {
    /// These options with the source that `SPANPROOF_POSTGRES` names; unchanged if it is not set.
    ///
    /// # Errors
    /// When the variable names no source.
    pub fn overridden(mut self) -> Result<Self, Error> {
        if let Some(named) = environment::source() {
            self.source = named.parse()?;
        }
        Ok(self)
    }

    /// Whether a server of `found` at `place` will do.
    pub(super) fn accept(&self, place: &str, found: u32) -> Result<(), Error> {
        let wanted = match self.version {
            Some(wanted) if wanted != found => {
                format!("wanted is {wanted}: install it, or change `version`")
            }
            _ if found < OLDEST => format!("at least {OLDEST} is needed: name a newer one"),
            _ => return Ok(()),
        };
        Err(Error::Version { place: place.to_owned(), found, wanted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_or_old_version_is_refused_with_what_to_do() {
        let any = Options::default();
        assert!(any.accept("here", 15).is_ok());
        assert_eq!(
            any.accept("here", 12).unwrap_err().to_string(),
            "here is PostgreSQL 12; at least 13 is needed: name a newer one"
        );
        let sixteen = Options { version: Some(16), ..any };
        assert_eq!(
            sixteen.accept("here", 15).unwrap_err().to_string(),
            "here is PostgreSQL 15; wanted is 16: install it, or change `version`"
        );
    }
}
