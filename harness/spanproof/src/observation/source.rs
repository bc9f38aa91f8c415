//! Sources of observations. Verdicts read only observations, never a service or a database.

use super::{LogLine, Observation, Rows, Table};

/// A source of one observation: a trial (one run of the service by spanproof), a live database, a dump,
/// stored evidence, or the bundle that stores an incident. Callers treat all of them alike.
pub(crate) trait Source {
    /// Why the source could not be read.
    type Error;

    /// Returns the observation. Passes rows and log lines to `sink` as soon as they are read.
    ///
    /// # Errors
    /// If the service or its Postgres does not start, or a database or file can't be read.
    fn observe(self, sink: &mut dyn Sink)
    -> impl Future<Output = Result<Observation, Self::Error>>;
}

/// Receives rows and log lines as they are read, before the observation is complete.
pub(crate) trait Sink {
    /// Receives the rows of one table.
    fn rows(&mut self, table: Table, rows: &Rows);
    /// Receives a line of the log.
    fn line(&mut self, line: &LogLine);
}

/// A sink that ignores all rows and lines.
impl Sink for () {
    fn rows(&mut self, _table: Table, _rows: &Rows) {}
    fn line(&mut self, _line: &LogLine) {}
}
