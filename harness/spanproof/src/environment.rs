//! The one environment variable that the library reads.

use std::env;
use std::path::PathBuf;

/// The folders in which a program without a path is looked up: `PATH`.
#[expect(clippy::disallowed_methods, reason = "the one place where the library reads a variable")]
pub(crate) fn program_folders() -> Vec<PathBuf> {
    env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect()
}
