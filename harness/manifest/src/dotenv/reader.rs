//! The programs that read `.env` files.

use crate::interpolation::Source;

use super::assignment::Parsed;
use super::{by_line, compose, javascript, python, systemd};

/// A program that reads a `.env` file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Docker Compose: `.env` and `env_file`.
    Compose,
    /// `docker run --env-file`, and `env_file` with `format: raw`.
    Docker,
    /// `EnvironmentFile=` of a systemd unit.
    Systemd,
    /// The Python package python-dotenv.
    Python,
    /// The npm package dotenv, and `node --env-file`.
    JavaScript,
    /// foreman.
    Foreman,
}

impl Reader {
    /// All readers, the most common first.
    pub(crate) const ALL: [Self; 6] =
        [Self::Compose, Self::JavaScript, Self::Python, Self::Docker, Self::Systemd, Self::Foreman];

    /// Returns the name of the reader in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Compose => "compose",
            Self::Docker => "docker run",
            Self::Systemd => "systemd",
            Self::Python => "python-dotenv",
            Self::JavaScript => "node",
            Self::Foreman => "foreman",
        }
    }

    /// Parses a file. `source` supplies the variables that this reader fills in.
    pub(crate) fn read(self, text: &str, source: Source<'_>) -> Parsed {
        match self {
            Self::Compose => compose::read(text, source),
            Self::Docker => by_line::docker(text),
            Self::Systemd => systemd::read(text),
            Self::Python => python::read(text, source),
            Self::JavaScript => javascript::read(text),
            Self::Foreman => by_line::foreman(text),
        }
    }
}
