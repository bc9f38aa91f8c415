//! What one run calls itself on a server.

use super::prefix::Prefix;

/// A run's name on the server: 16 hexadecimal digits. Each of its connections holds a shared
/// advisory lock of that number, so that whoever finds its databases knows whether it lives.
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

    /// The name of a database of this run.
    pub(super) fn database(&self, kind: &str, number: &str) -> String {
        format!("{}_{}_{kind}_{number}", self.prefix, self.id)
    }

    /// A pattern for `like` that matches the names of all databases of this run.
    pub(super) fn pattern(&self) -> String {
        format!("{}\\_{}\\_%", self.prefix, self.id)
    }

    /// The statement that takes the lock.
    pub(super) fn lock(&self) -> String {
        format!("select pg_advisory_lock_shared(('x{}')::bit(64)::bigint)", self.id)
    }
}
