//! The database witness: what the database server reports about the writing of spans, whatever the
//! service says.

/// What the server reports about inserts into the span table. The counts survive a rollback, so they
/// count attempts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Witness {
    /// Insert statements that started executing. A statement that Postgres refuses before that does
    /// not count.
    pub statements: usize,
    /// Rows that the statements tried to insert.
    pub attempted_rows: usize,
    /// Rows whose statement succeeded. Their transaction may still roll back.
    pub written_rows: usize,
    /// Rows that were deleted.
    pub removed_rows: usize,
    /// Transactions of the database that were rolled back; `None` in evidence of version 0.1.0.
    pub rollbacks: Option<u64>,
    /// Errors in this database, in order.
    pub failures: Vec<Failure>,
    /// Tables of the same name in other schemas that have rows, each with its number of rows.
    pub other_tables: Vec<(String, u64)>,
}

/// An error in the server's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// SQLSTATE.
    pub state: String,
    /// The message, secrets masked.
    pub message: String,
    /// The statement that failed, secrets masked; `None` if the error was outside of a statement.
    pub statement: Option<String>,
}
