//! The seam between the world and everything that judges it: where observations come from.

use super::{LogLine, Observation, Rows, Table};

/// Something that an observation comes from: a trial, a live database, a dump, a stored case or a
/// bundle. Who uses one does not know which.
pub(crate) trait Source {
    /// Why nothing could be observed.
    type Error;

    /// Observes one piece of work. `sink` gets rows and lines as soon as they were read.
    ///
    /// # Errors
    /// When the world of the source does not come up or goes away.
    fn observe(self, sink: &mut dyn Sink)
    -> impl Future<Output = Result<Observation, Self::Error>>;
}

/// Takes the parts of an observation as they come, and not only when all of it is there.
pub(crate) trait Sink {
    /// Takes the rows of one table.
    fn rows(&mut self, table: Table, rows: &Rows);
    /// Takes a line of the log.
    fn line(&mut self, line: &LogLine);
}

/// Takes nothing.
impl Sink for () {
    fn rows(&mut self, _table: Table, _rows: &Rows) {}
    fn line(&mut self, _line: &LogLine) {}
}
