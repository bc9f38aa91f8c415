//! What can go wrong with a child process; each error carries the command as one pasteable line.

use crate::chain::debug_as_chain;
use std::io;

/// A program could not be started, followed or stopped.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// There is no such program.
    #[error("`{command}`: there is no program at `{program}`; build it first or correct the path")]
    Missing {
        /// The command as one line.
        command: String,
        /// The program's path as it was looked for.
        program: String,
    },
    /// The file is there and can't be executed.
    #[error("`{command}`: `{program}` is not executable; try `chmod +x {program}`")]
    NotExecutable {
        /// The command as one line.
        command: String,
        /// The program's path.
        program: String,
    },
    /// The system refused to start it.
    #[error("`{command}` could not be started")]
    Spawn {
        /// The command as one line.
        command: String,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A command that should have succeeded did not.
    #[error("`{command}` ended with {status}{tail}")]
    Failed {
        /// The command as one line.
        command: String,
        /// How it ended.
        status: String,
        /// The end of its output, each line indented, or nothing.
        tail: String,
    },
    /// A pipe, a port or a registration failed.
    #[error("{what}")]
    System {
        /// What was being done.
        what: String,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

/// The error of this module, by its short name.
pub(crate) type Error = ProcessError;

debug_as_chain!(ProcessError);

impl Error {
    pub(super) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }
}
