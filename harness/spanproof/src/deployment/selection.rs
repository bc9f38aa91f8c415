//! Which jobs of an existing system to read.

use super::window::Window;
use crate::spec::Value;

/// The jobs to read.
#[derive(Debug, Clone, Default)]
pub struct JobSelection {
    /// Ids or names of jobs; empty for the newest jobs.
    pub jobs: Vec<String>,
    /// How many of the newest jobs to read.
    pub last: usize,
    /// The window for submissions of jobs and for lines of the log.
    pub window: Window,
    /// Flags whose values are known, from a manifest or the command line.
    pub flags: Vec<(String, Value)>,
}
