//! Reads all environment variables of this crate.
//!
//! Dependencies read more variables: the driver reads `PGHOST`, `PGSSLMODE` and so on for the parts
//! that a URL leaves out, and Docker's client reads `DOCKER_HOST`.
#![expect(clippy::disallowed_methods, reason = "the one file that reads the environment")]

use std::path::PathBuf;

/// Returns the value of `SPANPROOF_POSTGRES`, which names the source of a server and overrides the
/// options.
pub(super) fn source() -> Option<String> {
    variable("SPANPROOF_POSTGRES")
}

/// Returns the address from which to download server binaries; `None` if the variable is not set.
#[cfg(feature = "download")]
pub(super) fn mirror() -> Option<String> {
    variable("SPANPROOF_DOWNLOAD_MIRROR")
}

/// Returns the folder for caches in `XDG_CACHE_HOME`; `None` if it is not an absolute path.
pub(super) fn cache_home() -> Option<PathBuf> {
    folder("XDG_CACHE_HOME")
}

/// Returns the folder for caches in the user's home; `None` if `HOME` is not an absolute path.
pub(super) fn home_cache() -> Option<PathBuf> {
    folder("HOME").map(|home| home.join(".cache"))
}

/// Returns the folders in `PATH`.
pub(super) fn path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map_or_else(Vec::new, |path| std::env::split_paths(&path).collect())
}

/// Returns the folder for temporary files.
pub(super) fn temporary() -> PathBuf {
    std::env::temp_dir()
}

/// Returns the address of the Docker engine; `None` for the engine of this machine.
#[cfg(feature = "docker")]
pub(super) fn docker_host() -> Option<String> {
    variable("DOCKER_HOST")
}

/// Returns whether a test runner started this process. The test runner may start more processes
/// that use the same server.
pub(super) fn is_test_run() -> bool {
    ["NEXTEST", "CARGO"].iter().any(|name| std::env::var_os(name).is_some())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn folder(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}
