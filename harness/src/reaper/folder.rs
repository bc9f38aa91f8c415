//! The names that make a folder one of the reaper's, and the files that say how it stands.

/// What the names of all our folders begin with.
pub(super) const PREFIX: &str = "spanproof-";
/// The file that keeps a folder although its last user has gone.
pub(super) const KEPT: &str = "kept";
/// The file that keeps further users out: the folder is about to be removed.
pub(super) const OVER: &str = "over";
