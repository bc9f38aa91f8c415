//! Reads `PATH`, the only environment variable that the library uses.

use std::env;
use std::path::PathBuf;

/// Returns the folders of `PATH`.
#[expect(clippy::disallowed_methods, reason = "the only place where the library reads a variable")]
pub(crate) fn program_folders() -> Vec<PathBuf> {
    env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect()
}
