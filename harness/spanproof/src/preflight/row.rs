//! The values of a row that a check asked the server for.

use crate::observation::Row;

/// A column as text; empty if it is null or missing.
pub(super) fn text(row: &Row, name: &str) -> String {
    crate::observation::text(row, name).unwrap_or_default()
}
