//! Runs, and the names that contain the id of a run. A run is the use of one server by one process,
//! from its first connection to its last.

use super::prefix::Prefix;

/// The prefix and the id of a run. The id is a number of 16 hexadecimal digits. Each administrative
/// connection of the run holds a shared advisory lock whose key is this number, which shows other runs
/// that this run is alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    prefix: Prefix,
    id: String,
}

impl Run {
    pub(super) fn new(prefix: Prefix) -> Self {
        Self { prefix, id: uuid::Uuid::new_v4().simple().to_string()[..16].to_owned() }
    }

    pub(super) fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Returns the name of a database of this run. `kind` is a word such as `empty`.
    pub(super) fn database(&self, kind: &str, number: &str) -> String {
        format!("{}{kind}_{number}", self.database_prefix())
    }

    /// Returns the start of the names of this run's databases.
    pub(super) fn database_prefix(&self) -> String {
        format!("{}{}_", self.prefix.database_prefix(), self.id)
    }

    /// Returns a `like` pattern for the databases of this run.
    pub(super) fn like_pattern(&self) -> String {
        format!("{}\\_{}\\_%", self.prefix, self.id)
    }

    /// Returns the SQL statement that takes the advisory lock of this run.
    pub(super) fn lock_statement(&self) -> String {
        format!("select pg_advisory_lock_shared(('x{}')::bit(64)::bigint)", self.id)
    }
}
