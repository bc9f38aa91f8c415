//! Reads `PATH`, `TMPDIR` and the variables that a spec inherits. The library reads no other
//! environment variables.

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;

/// Returns the named variables with their values. Leaves out variables that are not set, or are not UTF-8.
#[expect(clippy::disallowed_methods, reason = "a spec names variables to inherit")]
pub(crate) fn inherited(names: &[String]) -> BTreeMap<String, String> {
    let value = |name: &String| Some((name.clone(), env::var(name).ok()?));
    names.iter().filter_map(value).collect()
}

/// Returns the folder for temporary files.
pub(crate) fn temporary_folder() -> PathBuf {
    env::temp_dir()
}

/// Returns the folders of `PATH`.
#[expect(clippy::disallowed_methods, reason = "the library finds programs")]
pub(crate) fn program_folders() -> Vec<PathBuf> {
    env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect()
}
