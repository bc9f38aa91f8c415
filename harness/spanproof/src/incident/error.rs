//! Why an incident can't be written, read or replayed.

use crate::chain::debug_as_chain;
use std::path::{Path, PathBuf};

use spanproof_format::UnknownCode;

/// A bundle that can't be written or read.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum IncidentError {
    /// The file itself.
    #[error("could not {what} `{}`", path.display())]
    File {
        /// Read or write.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// No bundle, or a damaged one.
    #[error("`{}` is no incident: {reason}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// From a newer version.
    #[error("`{}` has format {found}, this version reads {reads}; use a newer spanproof", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its format.
        found: String,
        /// The format that can be read.
        reads: &'static str,
    },
    /// Not as it was written.
    #[error("`{}` was changed after it was written: its check sum is not that of its records", path.display())]
    Edited {
        /// Which file.
        path: PathBuf,
    },
    /// The spec does not fit the incident.
    #[error("{0}")]
    Unfit(String),
    /// Too little is known of the incident.
    #[error("{0}")]
    Ambiguous(String),
    /// The incident was not seen, so it can't be adopted as it was.
    #[error("{0}")]
    Unseen(String),
    /// The expected verdict is not `pass`, `same` or a code.
    #[error(transparent)]
    Code(#[from] UnknownCode),
    /// The system that was to be captured.
    #[error(transparent)]
    Deployment(#[from] crate::deployment::Error),
    /// A rule file.
    #[error(transparent)]
    Rules(#[from] crate::document::Error),
    /// The world of a replay.
    #[error(transparent)]
    World(#[from] crate::trial::Error),
}

/// The error of this module, by its short name.
pub(crate) type Error = IncidentError;

debug_as_chain!(IncidentError);

/// An error about a file that can't be read or written.
pub(super) fn failed(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { what, path, source }
}
