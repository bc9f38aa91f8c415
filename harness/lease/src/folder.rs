//! The folder of a lease: its name, and the files that mark its state.

/// Prefix of every folder's name.
pub(super) const PREFIX: &str = "spanproof-";
/// This file marks a folder that stays after its last user.
pub(super) const KEPT: &str = "kept";
/// This file marks a folder that is about to be removed: no user may join any more.
pub(super) const CLOSED: &str = "over";
