//! The selection of the jobs that are read from an existing system.

use super::window::Window;
use crate::spec::Value;

/// The jobs to read.
#[derive(Debug, Clone, Default)]
pub struct JobSelection {
    /// Ids or names of jobs; empty for the newest jobs.
    pub jobs: Vec<String>,
    /// Number of newest jobs to read if `jobs` is empty.
    pub last: usize,
    /// The window in which jobs were submitted and log lines were written.
    pub window: Window,
    /// The flags whose values are known from a deploy manifest or the command line, with these
    /// values.
    pub flags: Vec<(String, Value)>,
}
