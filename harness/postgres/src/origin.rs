//! Which source a server comes from, and why others were passed over.

use serde::{Deserialize, Serialize};

/// Which source a server comes from, for a person to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The source in words, without secrets.
    pub place: String,
    /// The server's major version.
    pub version: u32,
    /// The sources before it, each with the reason why it was passed over.
    pub passed_over: Vec<String>,
    /// What else is worth knowing about it.
    pub notes: Vec<String>,
}

impl Origin {
    pub(super) fn new(place: String, version: u32, notes: Vec<String>) -> Self {
        Self { place, version, passed_over: Vec::new(), notes }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PostgreSQL {} from {}", self.version, self.place)?;
        if !self.passed_over.is_empty() {
            write!(f, " (passed over: {})", self.passed_over.join("; "))?;
        }
        for note in &self.notes {
            write!(f, "; {note}")?;
        }
        Ok(())
    }
}
