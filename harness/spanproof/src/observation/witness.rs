//! The evidence of the witness: a set of triggers on the span table that write each attempt to insert a
//! span to the log of the database server. It does not depend on the service's own output.

/// What the database server's log shows about inserts into the span table. A rollback does not change the
/// counts, because it does not remove what the triggers wrote to the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Witness {
    /// Number of `INSERT` statements that began to run. A statement that Postgres refuses earlier does not
    /// count.
    pub statements: usize,
    /// Number of rows that these statements tried to insert.
    pub attempted_rows: usize,
    /// Number of rows whose statement succeeded. The transaction of this statement may still roll back.
    pub written_rows: usize,
    /// Number of rows that were deleted.
    pub removed_rows: usize,
    /// Number of rows that became another span, because an update or an upsert changed their id.
    pub overwritten_rows: usize,
    /// Number of transactions of the database that were rolled back; `None` in evidence of spanproof 0.1.0.
    pub rollbacks: Option<u64>,
    /// Errors in this database, in order.
    pub failures: Vec<Failure>,
    /// Parts of the database in which an insert can be lost before the triggers run.
    pub blind_spots: Vec<BlindSpot>,
    /// Other tables that got rows which the span table lacks, each with the number of these rows.
    pub other_tables: Vec<(String, u64)>,
    /// Events in other databases of the server. Another service that ran at the same time may have caused
    /// them.
    pub unattributed: Vec<String>,
}

/// A part of the database, such as a rule or a function, in which an insert into the span table can be
/// lost before the triggers run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlindSpot {
    /// A description, such as "the rule `forget` on `trace_spans` replaces every insert by nothing".
    pub what: String,
    /// What happens to an insert.
    pub effect: BlindSpotEffect,
    /// Number of logged statements of the service that used the blind spot; `None` if the log can't show
    /// that.
    pub statements: Option<usize>,
}

/// What happens to an insert in a blind spot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlindSpotEffect {
    /// No row is stored, and there is no error.
    Discards,
    /// The row is inserted into the span table, unless an error or a condition prevents that.
    Inserts,
    /// The row is inserted into another table.
    Elsewhere,
    /// Unknown: the row may be inserted into the span table, inserted elsewhere, or discarded.
    Unclear,
    /// The triggers were disabled or missing for a part of the case.
    Unwatched,
}

/// An error in the database server's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// SQLSTATE.
    pub state: String,
    /// The message, with masked secrets.
    pub message: String,
    /// The statement that failed, with masked secrets; `None` if the error was outside a statement.
    pub statement: Option<String>,
}

/// A statement that the database server was executing for the service when the service was asked to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunningStatement {
    /// The statement, with masked secrets.
    pub(crate) statement: String,
    /// Milliseconds since its start.
    pub(crate) running_ms: u64,
    /// The last statement of a session that holds the lock that this statement waits for, with masked
    /// secrets; `None` if this statement does not wait for a lock.
    pub(crate) blocked_by: Option<String>,
}

impl Failure {
    /// Whether the server refused a connection: wrong authorization, an unknown database, or too many
    /// connections (classes of SQLSTATE, `PostgreSQL` manual, appendix A).
    pub(crate) fn is_refused_connection(&self) -> bool {
        let class = self.state.get(..2).unwrap_or_default();
        self.statement.is_none() && ["28", "3D", "53"].contains(&class)
    }
}
