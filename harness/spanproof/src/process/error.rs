//! Errors of child processes. An error about a command contains the command as one line that can be
//! pasted into a shell.

use crate::chain::debug_as_chain;
use std::io;
use std::path::PathBuf;

/// A child process could not be started, read or stopped.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// The program does not exist.
    #[error("`{command}`: there is no program at `{program}`; build it first or correct the path")]
    Missing {
        /// The command as one line.
        command: String,
        /// The path of the program that was tried.
        program: String,
    },
    /// No folder of `PATH` has the program.
    #[error(
        "`{command}`: there is no program `{program}` in PATH, which is `{path}`; install it or name its path"
    )]
    NotInPath {
        /// The command as one line.
        command: String,
        /// The name of the program.
        program: String,
        /// The value of `PATH` that was used.
        path: String,
    },
    /// The file is not executable.
    #[error("`{command}`: `{program}` is not executable; try `chmod +x {program}`")]
    NotExecutable {
        /// The command as one line.
        command: String,
        /// The path of the program.
        program: String,
    },
    /// The working folder does not exist.
    #[error("`{command}`: the working folder `{folder}` does not exist")]
    NoFolder {
        /// The command as one line.
        command: String,
        /// The folder.
        folder: String,
    },
    /// The system could not start the program.
    #[error("`{command}` could not be started")]
    Spawn {
        /// The command as one line.
        command: String,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A command failed.
    #[error("`{command}` failed with {status}{tail}")]
    Failed {
        /// The command as one line.
        command: String,
        /// The exit status.
        status: String,
        /// The end of the command's output, each line indented; may be empty.
        tail: String,
    },
    /// Another call to the system failed, such as reading a pipe.
    #[error("{what}")]
    System {
        /// What failed.
        what: String,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

/// Short name of [`ProcessError`] inside the crate.
pub(crate) type Error = ProcessError;

debug_as_chain!(ProcessError);

impl Error {
    /// Creates the error for a program that is in none of the folders of `PATH`.
    pub(super) fn not_in_path(command: String, program: String, folders: &[PathBuf]) -> Self {
        let path = std::env::join_paths(folders).unwrap_or_default();
        Self::NotInPath { command, program, path: path.to_string_lossy().into_owned() }
    }

    /// Returns a function that adds `what` to an I/O error.
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }
}
