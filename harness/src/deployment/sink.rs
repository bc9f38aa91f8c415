//! Who wants to know of evidence as soon as it is there, and not only when all of it is.

use crate::evidence::Rows;
use crate::process::Line;

/// Takes evidence as it comes.
pub trait Sink {
    /// Takes the rows of jobs (0), units (1) or spans (2).
    fn rows(&mut self, table: usize, rows: &Rows);
    /// Takes a line of the log.
    fn line(&mut self, line: &Line);
}

/// Nobody.
impl Sink for () {
    fn rows(&mut self, _table: usize, _rows: &Rows) {}
    fn line(&mut self, _line: &Line) {}
}
