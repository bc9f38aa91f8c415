//! Where a server may come from, and how a text says it.

use std::path::PathBuf;
use std::str::FromStr;

use super::{Error, password};

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
            _ => Err(Error::UnknownSource { found: password::masked(text) }),
        }
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
}
