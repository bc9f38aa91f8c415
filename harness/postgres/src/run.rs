//! The id of one run, and the names that contain it.

use super::prefix::Prefix;

/// A run's prefix and id: 16 hexadecimal digits. Each of its administrative connections has a
/// shared advisory lock of that number, which shows other runs that it is alive.
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

    /// Returns the name of a database of this run.
    pub(super) fn database(&self, kind: &str, number: &str) -> String {
        format!("{}_{}_{kind}_{number}", self.prefix, self.id)
    }

    /// Returns a `like` pattern for the databases of this run.
    pub(super) fn pattern(&self) -> String {
        format!("{}\\_{}\\_%", self.prefix, self.id)
    }

    /// Returns the statement that takes the lock.
    pub(super) fn lock(&self) -> String {
        format!("select pg_advisory_lock_shared(('x{}')::bit(64)::bigint)", self.id)
    }
}
