//! Rows of the tables that contain jobs, units (pieces of a job's work) and spans.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One row, as Postgres's `to_jsonb` returns it: the values by column name.
pub type Row = Map<String, Value>;

/// The rows of one table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rows {
    /// All rows. They may be many, so that copies share them.
    Found(Arc<Vec<Row>>),
    /// The table can't be read, for this reason.
    Unreadable(String),
}

impl From<Vec<Row>> for Rows {
    fn from(rows: Vec<Row>) -> Self {
        Self::Found(Arc::new(rows))
    }
}

impl Default for Rows {
    fn default() -> Self {
        Self::Found(Arc::default())
    }
}
