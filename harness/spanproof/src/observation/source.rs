//! Where observations come from: the seam between the world and the verdict.

use super::{LogLine, Observation, Rows, Table};

/// A source of one observation: a trial, a live database, a dump, stored evidence or a bundle. The
/// caller does not know which.
pub(crate) trait Source {
    /// Why the source could not be read.
    type Error;

    /// Observes one piece of work. `sink` gets rows and lines as soon as they are read.
    ///
    /// # Errors
    /// When the world does not come up, or a database or file can't be read.
    fn observe(self, sink: &mut dyn Sink)
    -> impl Future<Output = Result<Observation, Self::Error>>;
}

/// Receives the parts of an observation as they are read, before it is complete.
pub(crate) trait Sink {
    /// Receives the rows of one table.
    fn rows(&mut self, table: Table, rows: &Rows);
    /// Receives a line of the log.
    fn line(&mut self, line: &LogLine);
}

/// Ignores everything.
impl Sink for () {
    fn rows(&mut self, _table: Table, _rows: &Rows) {}
    fn line(&mut self, _line: &LogLine) {}
}
