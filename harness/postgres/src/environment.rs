//! The environment variables of this crate: all of them are read here.
//!
//! The driver reads Postgres's own (`PGHOST`, `PGSSLMODE` and so on) for what a URL leaves out, and
//! Docker's client reads `DOCKER_HOST` as we do.
#![expect(clippy::disallowed_methods, reason = "the one file that reads the environment")]

use std::path::PathBuf;

/// Names a source; it wins over the one in the options.
pub(super) fn source() -> Option<String> {
    variable("SPANPROOF_POSTGRES")
}

/// Names another address for downloads.
#[cfg(feature = "download")]
pub(super) fn mirror() -> Option<String> {
    variable("SPANPROOF_DOWNLOAD_MIRROR")
}

/// The folder for caches that `XDG_CACHE_HOME` names; `None` if it names no absolute path.
pub(super) fn cache_home() -> Option<PathBuf> {
    folder("XDG_CACHE_HOME")
}

/// The folder for caches in the user's home; `None` if `HOME` is no absolute path.
pub(super) fn home_cache() -> Option<PathBuf> {
    folder("HOME").map(|home| home.join(".cache"))
}

/// The folders in which programs are found.
pub(super) fn path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map_or_else(Vec::new, |path| std::env::split_paths(&path).collect())
}

/// The folder for temporary files.
pub(super) fn temporary() -> PathBuf {
    std::env::temp_dir()
}

/// The address of the Docker engine; `None` for the engine of this machine.
#[cfg(feature = "docker")]
pub(super) fn docker_host() -> Option<String> {
    variable("DOCKER_HOST")
}

/// Whether a test runner has started this process: it starts others that want the same server.
pub(super) fn is_test_run() -> bool {
    ["NEXTEST", "CARGO"].iter().any(|name| std::env::var_os(name).is_some())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn folder(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}
