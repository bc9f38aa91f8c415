//! The selection of the jobs that are read from an existing system.

use super::window::Window;
use crate::spec::Value;

/// The jobs to read, and what is known of the service that executed them.
#[derive(Debug, Clone, Default)]
pub struct JobSelection {
    /// Ids or names of jobs; empty for the newest jobs.
    pub jobs: Vec<String>,
    /// Number of newest jobs to read if `jobs` is empty: at least 1, and from a database at most 1000.
    pub last: usize,
    /// The window in which log lines were written and, if `jobs` is empty, jobs were submitted.
    pub window: Window,
    /// The flags whose values are known from a deploy manifest or the command line, with these
    /// values.
    pub flags: Vec<(String, Value)>,
}
