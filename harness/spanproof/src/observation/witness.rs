//! What the server itself testifies about writing spans.

/// What happened on the span table and around it, told by the server. The counts survive a
/// rollback, so they count attempts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Witness {
    /// Inserting statements that began; an insert that is refused before it runs is none.
    pub begun: usize,
    /// Rows that were to be inserted.
    pub tried: usize,
    /// Rows whose statement ended well; the end of its transaction may still undo them.
    pub written: usize,
    /// What failed in this database, in its order.
    pub failures: Vec<Failure>,
    /// Tables of the same name in other schemas that have rows, with their number.
    pub elsewhere: Vec<(String, u64)>,
}

/// An error in the server's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its SQLSTATE.
    pub state: String,
    /// What the server said, secrets masked.
    pub message: String,
    /// The statement that failed, secrets masked; nothing where it failed outside of any.
    pub statement: Option<String>,
}
