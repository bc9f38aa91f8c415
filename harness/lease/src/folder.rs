//! The folder of a lease: its name, and the files that mark its state.

/// The prefix of every folder's name.
pub(super) const PREFIX: &str = "spanproof-";
/// Marks a folder that stays when its last user has gone.
pub(super) const KEPT: &str = "kept";
/// Marks a folder that is about to be removed, so that no user joins it any more.
pub(super) const OVER: &str = "over";
