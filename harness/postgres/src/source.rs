//! Where a server comes from: the sources, their order, and why some were passed over.

use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Error, Migrations};

/// The oldest major version that works: `DROP DATABASE … WITH (FORCE)` came with 13.
pub(super) const OLDEST: u32 = 13;
/// The image that the Docker source runs when none is named.
#[cfg(feature = "docker")]
pub(super) const IMAGE: &str = "postgres:16";
/// Names the source from outside; it wins over the spec.
pub(super) const VARIABLE: &str = "SPANPROOF_POSTGRES";

/// Where a disposable server comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Source {
    /// The first that works: server binaries found on the machine, then Docker.
    #[default]
    Auto,
    /// A server that runs already: fresh databases on it, dropped at the end.
    Url(String),
    /// Server binaries, in a named folder or wherever they are found.
    Binaries(Option<PathBuf>),
    /// A container, from a named image or from `postgres:16`.
    Docker(Option<String>),
    /// Server binaries that are downloaded once: of a major version, or of one such as `16.9.0`.
    Download(Option<String>),
}

impl FromStr for Source {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (kind, rest) = text.split_once(':').map_or((text, None), |(k, r)| (k, Some(r)));
        match (kind, rest) {
            ("auto", None) => Ok(Self::Auto),
            ("postgres" | "postgresql", Some(_)) => Ok(Self::Url(text.to_owned())),
            ("binaries", folder) => Ok(Self::Binaries(folder.map(PathBuf::from))),
            ("download", version) => Ok(Self::Download(version.map(str::to_owned))),
            ("docker", image) => Ok(Self::Docker(image.map(str::to_owned))),
            _ => Err(Error::UnknownSource { found: crate::password::masked(text) }),
        }
    }
}

/// What a disposable server should be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Options {
    /// Where it comes from.
    pub source: Source,
    /// The major version it must have, when it matters.
    pub version: Option<u32>,
    /// Migrations that are likely to be wanted: a server of our own has them from the start.
    pub migrations: Option<Migrations>,
    /// Everything is made from nothing, whatever the cache has.
    pub fresh: bool,
    /// The folder of the cache, in place of the user's.
    pub cache: Option<PathBuf>,
    /// The platform of a container, such as `linux/amd64`: Docker's own when there is none.
    pub platform: Option<String>,
}

impl Options {
    /// These options, with the source that `SPANPROOF_POSTGRES` names where it is set.
    ///
    /// # Errors
    /// When the variable names no source.
    pub fn overridden(mut self) -> Result<Self, Error> {
        #[expect(clippy::disallowed_methods, reason = "the one variable that names a source")]
        let named = std::env::var(VARIABLE);
        if let Ok(named) = named
            && !named.is_empty()
        {
            self.source = named.parse()?;
        }
        Ok(self)
    }

    /// Whether a server of `found` at `place` will do.
    pub(super) fn accept(&self, place: &str, found: u32) -> Result<(), Error> {
        let wanted = match self.version {
            Some(wanted) if wanted != found => {
                format!("wanted is {wanted}: install it, or change `version` in the spec")
            }
            _ if found < OLDEST => format!("at least {OLDEST} is needed: name a newer one"),
            _ => return Ok(()),
        };
        Err(Error::Version { place: place.to_owned(), found, wanted })
    }
}

/// Which source was picked, for the user to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picked {
    /// The source in words, without secrets.
    pub place: String,
    /// The server's major version.
    pub version: u32,
    /// The sources before it, each with the reason why it was passed over.
    pub passed_over: Vec<String>,
    /// What else is worth knowing about it.
    pub notes: Vec<String>,
}

impl Picked {
    pub(super) fn new(place: String, version: u32, notes: Vec<String>) -> Self {
        Self { place, version, passed_over: Vec::new(), notes }
    }
}

impl std::fmt::Display for Picked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PostgreSQL {} from {}", self.version, self.place)?;
        if !self.passed_over.is_empty() {
            write!(f, " (passed over: {})", self.passed_over.join("; "))?;
        }
        for note in &self.notes {
            write!(f, "; {note}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_name_a_source_is_understood() {
        for (text, source) in [
            ("auto", Source::Auto),
            ("binaries", Source::Binaries(None)),
            ("binaries:/opt/pg/bin", Source::Binaries(Some("/opt/pg/bin".into()))),
            ("docker", Source::Docker(None)),
            ("docker:postgres:15-alpine", Source::Docker(Some("postgres:15-alpine".into()))),
            ("download", Source::Download(None)),
            ("download:16", Source::Download(Some("16".into()))),
            ("postgres://u@h/d", Source::Url("postgres://u@h/d".into())),
        ] {
            assert_eq!(text.parse::<Source>().unwrap(), source, "{text}");
        }
    }

    #[test]
    fn an_unknown_source_is_named_without_its_secrets() {
        let error = "mysql://u:secret@h/d".parse::<Source>().unwrap_err().to_string();
        assert!(error.starts_with("`mysql://u:***@h/d` is not a Postgres source"), "{error}");
    }

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
            "here is PostgreSQL 15; wanted is 16: install it, or change `version` in the spec"
        );
    }
}
