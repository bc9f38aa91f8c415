//! The number of rows that a case adds to a table, for a flag whose declared effect is new rows.

use serde::{Deserialize, Serialize};

/// The number of rows of a table or query of the spec before and after a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RowGain {
    /// A hash of the name of the table, or of the query, in hexadecimal digits.
    pub query: String,
    /// The number of rows before the service started; `None` if they could not be counted.
    #[serde(default)]
    pub before: Option<u64>,
    /// The number of rows after the service stopped; `None` if they could not be counted.
    #[serde(default)]
    pub after: Option<u64>,
    /// Why the rows could not be counted; `None` if they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl RowGain {
    /// Creates the gain of a table or query whose rows have not been counted yet.
    pub fn new(query: impl Into<String>) -> Self {
        Self { query: query.into(), before: None, after: None, error: None }
    }

    /// Returns the number of added rows; 0 if rows were removed.
    ///
    /// # Errors
    /// If the rows could not be counted; the error is the reason.
    pub fn added(&self) -> Result<u64, String> {
        match (self.before, self.after) {
            (Some(before), Some(after)) => Ok(after.saturating_sub(before)),
            _ => Err(self.error.clone().unwrap_or_else(|| "the rows were not counted".to_owned())),
        }
    }
}
