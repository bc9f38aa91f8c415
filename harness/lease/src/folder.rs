//! The folder of a lease: its name, and the files that mark its state. When the last process that
//! uses the folder has ended, the folder is removed.

/// Prefix of the names of all folders that a sweep checks. A sweep removes folders that dead
/// processes have left.
pub(super) const PREFIX: &str = "spanproof-";
/// This file marks a folder that stays after its last user has ended.
pub(super) const KEPT_FILE: &str = "kept";
/// The empty standard input of the processes that this lease's user starts.
pub(super) const INPUT_FILE: &str = "input";
/// This file marks a folder that is about to be removed: no user may join any more.
pub(super) const CLOSED_FILE: &str = "over";
