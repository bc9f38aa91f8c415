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
    /// Rows that became another span: an update or an upsert changed their id.
    pub overwritten_rows: usize,
    /// Transactions of the database that were rolled back; `None` in evidence of version 0.1.0.
    pub rollbacks: Option<u64>,
    /// Errors in this database, in order.
    pub failures: Vec<Failure>,
    /// Ways to the span table on which an insert can be lost before the triggers see it.
    pub blind_spots: Vec<BlindSpot>,
    /// Other tables with rows that the span table does not have, each with their number.
    pub other_tables: Vec<(String, u64)>,
    /// What happened in other databases of the server, and may be due to another service that ran at the
    /// same time.
    pub unattributed: Vec<String>,
}

/// A way to the span table on which an insert can be lost before the triggers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlindSpot {
    /// What it is, such as "the rule `forget` on `trace_spans` replaces every insert by nothing".
    pub what: String,
    /// What it does with an insert.
    pub effect: BlindSpotEffect,
    /// Logged statements of the service that took this way; `None` if the log can't show them.
    pub statements: Option<usize>,
}

/// What a blind spot does with an insert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlindSpotEffect {
    /// It keeps no row, without an error.
    Discards,
    /// It inserts into the span table; an error or a condition of its own may prevent this.
    Inserts,
    /// It inserts into another table.
    Elsewhere,
    /// It may insert into the span table, insert elsewhere, or do nothing.
    Unclear,
    /// The triggers did not count for a part of the case.
    Unwatched,
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
