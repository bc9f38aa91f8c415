//! The sources of a server (where it may come from), and how they are parsed from a string.

use std::path::PathBuf;
use std::str::FromStr;

use super::{Error, password};

/// Where a disposable server comes from.
///
/// [`str::parse`] accepts `auto`, `postgres://…`, `binaries`, `binaries:FOLDER`, `docker`,
/// `docker:IMAGE`, `download` and `download:VERSION`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Source {
    /// The first source that works: server binaries on this machine, then Docker.
    #[default]
    Auto,
    /// An existing server. New databases are created on it, and dropped at the end.
    Url(String),
    /// Server binaries in this folder; `None` for those in `PATH` or in the usual folders.
    Binaries(Option<PathBuf>),
    /// A container of this image; `None` for the official image `postgres`, with the version of the
    /// options or 16.
    Docker(Option<String>),
    /// Server binaries that are downloaded once. The string is a major version, or a full version such as
    /// `16.9.0`; `None` for the version of the options or 16.
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
            _ => Err(Error::UnknownSource { found: password::mask(text) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_every_form_of_a_source() {
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
    fn an_unknown_source_is_reported_without_its_password() {
        let error = "mysql://u:secret@h/d".parse::<Source>().unwrap_err().to_string();
        assert!(error.starts_with("`mysql://u:***@h/d` is not a Postgres source"), "{error}");
    }
}
