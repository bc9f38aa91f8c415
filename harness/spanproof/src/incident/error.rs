//! Errors while incidents are captured, read, replayed or adopted.

use crate::chain::debug_as_chain;
use std::path::{Path, PathBuf};

use spanproof_format::UnknownCode;

/// Why an incident can't be captured, read, replayed or adopted.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum IncidentError {
    /// The file can't be read or written.
    #[error("could not {what} `{}`", path.display())]
    File {
        /// The operation: `read`, `write` or `make`.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a bundle, or is damaged.
    #[error("`{}` is not an incident file: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The file was written by a newer version.
    #[error("`{}` has format {found}, but this version reads {reads}; use a newer spanproof", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format version of the file.
        found: String,
        /// The newest format that this version reads.
        reads: &'static str,
    },
    /// The file was edited.
    #[error("`{}` was changed after it was written: its checksum does not match its records", path.display())]
    Edited {
        /// The file.
        path: PathBuf,
    },
    /// The spec does not fit the incident.
    #[error("{0}")]
    SpecMismatch(String),
    /// The incident can be recreated in too many ways.
    #[error("{0}")]
    Ambiguous(String),
    /// The incident was not reproduced, so it can't be adopted as `same`.
    #[error("{0}")]
    NotReproduced(String),
    /// The expected verdict is not `pass`, `same` or a code.
    #[error(transparent)]
    Code(#[from] UnknownCode),
    /// The existing system can't be read.
    #[error(transparent)]
    Deployment(#[from] crate::deployment::Error),
    /// A file with masking rules, or a file of the spec, is invalid.
    #[error(transparent)]
    Rules(#[from] crate::document::Error),
    /// The service or the Postgres of a replay did not start.
    #[error(transparent)]
    World(#[from] crate::trial::Error),
}

/// Short name of [`IncidentError`] inside the crate.
pub(crate) type Error = IncidentError;

debug_as_chain!(IncidentError);

/// Returns a function that turns an I/O error into [`Error::File`].
pub(super) fn failed(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { what, path, source }
}
