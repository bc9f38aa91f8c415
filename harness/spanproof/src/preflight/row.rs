//! Reads the values in a row of a query.

use crate::observation::Row;

/// Returns a column as text; empty if it is null or missing.
pub(super) fn text(row: &Row, name: &str) -> String {
    crate::observation::text(row, name).unwrap_or_default()
}
