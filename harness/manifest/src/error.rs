//! Errors while reading a manifest.

use std::io;

/// A file that can't be read or parsed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file can't be read.
    #[error("could not read the manifest `{file}`")]
    Read {
        /// The path of the file.
        file: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The file is not valid in its format.
    #[error("could not parse the manifest `{file}`: {message}")]
    Parse {
        /// The path of the file.
        file: String,
        /// What is wrong, with the line if it is known.
        message: String,
    },
}

impl Error {
    pub(crate) fn parse(file: &str, message: impl Into<String>) -> Self {
        Self::Parse { file: file.to_owned(), message: message.into() }
    }
}
