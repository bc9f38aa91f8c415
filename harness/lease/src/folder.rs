//! The folder of a lease: its name, and the files that mark its state. A lease lets several
//! processes, its users, use one folder. The reaper, a shell process, removes the folder when the last
//! user has ended.

/// Prefix of the names of all folders that a sweep checks. A sweep removes folders that dead
/// processes left behind.
pub(super) const PREFIX: &str = "spanproof-";
/// This file marks a folder that stays after its last user has ended.
pub(super) const KEPT_FILE: &str = "kept";
/// This empty file is the standard input of child processes. The reaper finds them by this file.
pub(super) const INPUT_FILE: &str = "input";
/// This file marks a folder that is about to be removed: other processes can no longer join.
pub(super) const CLOSED_FILE: &str = "over";
