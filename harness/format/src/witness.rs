//! What the database witness reports, and errors in the Postgres server's log.

use serde::{Deserialize, Serialize};

/// What the database witness reports. The witness counts the inserts into the span table on the
/// Postgres server and reads the errors in the server's log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Witness {
    /// The number of `INSERT` statements that were started.
    #[serde(rename = "begun")]
    pub statements: usize,
    /// The number of rows that the statements were to insert.
    #[serde(rename = "tried")]
    pub attempted_rows: usize,
    /// The number of rows that successful statements inserted.
    #[serde(rename = "written")]
    pub written_rows: usize,
    /// The number of rows that were deleted; 0 in documents of version 0.1.0.
    #[serde(default, rename = "removed")]
    pub removed_rows: usize,
    /// The number of rows whose span id was changed, so that they became another span.
    #[serde(default, rename = "overwritten", skip_serializing_if = "is_zero")]
    pub overwritten_rows: usize,
    /// The number of transactions that were rolled back; `None` in documents of version 0.1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollbacks: Option<u64>,
    /// Errors in the case's database, in the order of the server's log.
    pub failures: Vec<Failure>,
    /// Ways to the span table on which an insert can be lost before it is counted; empty in
    /// documents of version 0.1.0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blind_spots: Vec<BlindSpot>,
    /// Other tables with spans, with their number of rows.
    #[serde(rename = "elsewhere")]
    pub other_tables: Vec<(String, u64)>,
    /// What happened in other databases of the server, and may be due to another service that ran at the
    /// same time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unattributed: Vec<String>,
}

/// A way to the span table on which an insert can be lost before the witness counts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BlindSpot {
    /// What it is, such as a rule or a function.
    pub what: String,
    /// What it does with an insert.
    pub effect: BlindSpotEffect,
    /// The number of the service's statements that took this way; `None` if it is not known.
    pub statements: Option<usize>,
}

/// What a blind spot does with an insert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BlindSpotEffect {
    /// It keeps no row, without an error.
    Discards,
    /// It inserts into the span table, unless an error or a condition of its own prevents this.
    Inserts,
    /// It inserts into another table.
    Elsewhere,
    /// The witness did not count for a part of the case.
    Unwatched,
    /// It may insert into the span table, insert elsewhere, or do nothing.
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
