//! The evidence of the witness, and errors in the Postgres server's log. The witness is a set of triggers on
//! the span table that log each attempt to insert a span.

use serde::{Deserialize, Serialize};

/// The evidence of the witness: counts of inserts into the span table, and the errors in the Postgres
/// server's log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Witness {
    /// The number of `INSERT` statements that were started.
    #[serde(rename = "begun")]
    pub statements: usize,
    /// The number of rows that the statements tried to insert.
    #[serde(rename = "tried")]
    pub attempted_rows: usize,
    /// The number of rows that successful statements inserted.
    #[serde(rename = "written")]
    pub written_rows: usize,
    /// The number of rows that were deleted; 0 in documents of spanproof 0.1.0.
    #[serde(default, rename = "removed")]
    pub removed_rows: usize,
    /// The number of rows whose span id was changed, so that they became another span.
    #[serde(default, rename = "overwritten", skip_serializing_if = "is_zero")]
    pub overwritten_rows: usize,
    /// The number of transactions that were rolled back; `None` in documents of spanproof 0.1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollbacks: Option<u64>,
    /// Errors in the case's database, in the order of the server's log.
    pub failures: Vec<Failure>,
    /// Parts of the database in which an insert can be lost before it is counted; empty in documents of
    /// spanproof 0.1.0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blind_spots: Vec<BlindSpot>,
    /// Other tables with spans, with their number of rows.
    #[serde(rename = "elsewhere")]
    pub other_tables: Vec<(String, u64)>,
    /// Events in other databases of the server. Another service that ran at the same time may have caused
    /// them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unattributed: Vec<String>,
}

/// A part of the database, such as a rule or a function, in which an insert into the span table can be lost
/// before the witness counts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BlindSpot {
    /// A description, such as "a `DO` block inserts into the span table".
    pub what: String,
    /// What happens to an insert.
    pub effect: BlindSpotEffect,
    /// The number of the service's statements that used the blind spot; `None` if it is not known.
    pub statements: Option<usize>,
}

/// What happens to an insert in a blind spot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BlindSpotEffect {
    /// No row is stored, and there is no error.
    Discards,
    /// The row is inserted into the span table, unless an error or a condition prevents that.
    Inserts,
    /// The row is inserted into another table.
    Elsewhere,
    /// The witness counted nothing during a part of the case.
    Unwatched,
    /// Unknown: the row may be inserted into the span table, inserted elsewhere, or discarded.
    #[serde(other)]
    Unclear,
}

/// An error in the Postgres server's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Failure {
    /// The SQLSTATE.
    pub state: String,
    /// The server's message, with secrets masked.
    pub message: String,
    /// The failed statement, with secrets masked; `None` if the error has no statement.
    pub statement: Option<String>,
}

impl Failure {
    /// Creates an error without a statement.
    pub fn new(state: impl Into<String>, message: impl Into<String>) -> Self {
        Self { state: state.into(), message: message.into(), statement: None }
    }
}

/// A statement of the service that the Postgres server was executing when the service was asked to stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunningStatement {
    /// The statement, with secrets masked.
    pub statement: String,
    /// The time since its start, in milliseconds.
    pub running_ms: u64,
    /// The last statement of a session that holds the lock that this statement waits for, with secrets
    /// masked; `None` if this statement does not wait for a lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<String>,
}

impl RunningStatement {
    /// Creates a statement that does not wait for a lock.
    pub fn new(statement: impl Into<String>, running_ms: u64) -> Self {
        Self { statement: statement.into(), running_ms, blocked_by: None }
    }
}

impl BlindSpot {
    /// Creates a blind spot.
    pub fn new(
        what: impl Into<String>,
        effect: BlindSpotEffect,
        statements: Option<usize>,
    ) -> Self {
        Self { what: what.into(), effect, statements }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}
