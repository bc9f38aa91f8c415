//! Which jobs of a system are asked about.

use super::moment::Window;
use crate::spec::Value;

/// What is asked about.
#[derive(Debug, Clone, Default)]
pub struct Subject {
    /// Jobs, each by its id or name; none means the newest.
    pub jobs: Vec<String>,
    /// How many of the newest.
    pub last: usize,
    /// When they were submitted, and when lines of the log were written.
    pub window: Window,
    /// Flags whose values are known, from a manifest or by word.
    pub flags: Vec<(String, Value)>,
}
