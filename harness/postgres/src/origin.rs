//! Where a server comes from (its source), and why other sources were passed over.

use serde::{Deserialize, Serialize};

/// Describes where a server comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The source, without secrets, such as `server binaries in /usr/local/pgsql/bin`.
    #[serde(rename = "place")]
    pub source: String,
    /// The server's major version.
    pub version: u32,
    /// The sources that were tried before, each with the reason why it was passed over.
    pub passed_over: Vec<String>,
    /// Other remarks, such as why the server's data are not in memory.
    pub notes: Vec<String>,
}

impl Origin {
    pub(super) fn new(source: String, version: u32, notes: Vec<String>) -> Self {
        Self { source, version, passed_over: Vec::new(), notes }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PostgreSQL {} from {}", self.version, self.source)?;
        if !self.passed_over.is_empty() {
            write!(f, " (passed over: {})", self.passed_over.join("; "))?;
        }
        for note in &self.notes {
            write!(f, "; {note}")?;
        }
        Ok(())
    }
}
