//! Reads selected jobs of an existing system with their units of work and spans.

use super::jobs::jobs;
use super::lookup::{Key, Lookup, require_complete, texts};
use super::selection::JobSelection;
use super::session::{Error, Session};
use super::spans::{has_enough_spans, spans, spans_in_other_schemas, with_spans_of_other_units};
use crate::observation::{ConcurrentSpan, OtherTable, Rows, Sink, Table, TableRows};
use crate::spec::Spec;

/// Jobs, and the rows that belong to them.
#[derive(Debug)]
pub(super) struct Records {
    pub(super) tables: TableRows,
    /// Tables in other schemas with the name of the span table, each with its spans of the units in `tables`.
    pub(super) other_tables: Vec<OtherTable>,
    /// Spans of other jobs that started while the units in `tables` ran.
    pub(super) concurrent_spans: Vec<ConcurrentSpan>,
    /// What could not be read, each with its reason.
    pub(super) unread: Vec<String>,
}

impl Records {
    /// Creates the records of a system without a database.
    pub(super) fn empty() -> Self {
        let tables = TableRows::unreadable("no database was given");
        Self { tables, other_tables: Vec::new(), concurrent_spans: Vec::new(), unread: Vec::new() }
    }

    /// Reads the selected jobs, and their units and spans, from a database. Runs no query that would
    /// scan a large table. `sink` gets the rows of each table as soon as they are read.
    ///
    /// # Errors
    /// If the connection is lost, or a job does not exist.
    pub(super) async fn find(
        session: &mut Session,
        spec: &Spec,
        selection: &JobSelection,
        sink: &mut dyn Sink,
    ) -> Result<Self, Error> {
        let tables = &spec.tables;
        let mut lookup = Lookup::new(session, spec);
        let jobs = jobs(&mut lookup, selection).await?;
        sink.rows(Table::Jobs, &jobs);
        let ids = texts(jobs.all(), &tables.jobs.id);
        let by_job = Key::new(&tables.units.job, &ids);
        let name = &tables.units.table;
        let units = lookup.rows_by(Table::Units, name, &[by_job]).await?.into_rows();
        let units = require_complete(units, name);
        let is_enough = units.all().len() >= jobs.all().len();
        let units = lookup.without_hidden(units, name, is_enough);
        sink.rows(Table::Units, &units);
        let spans = spans(&mut lookup, &ids, &units).await?;
        let has_enough_spans = has_enough_spans(spec, &units, &spans);
        let (spans, concurrent_spans) = match spans {
            Rows::Found(_) if !has_enough_spans => {
                with_spans_of_other_units(&mut lookup, &units, spans).await?
            }
            spans => (spans, Vec::new()),
        };
        let spans = lookup.without_hidden(spans, &tables.spans.table, has_enough_spans);
        sink.rows(Table::Spans, &spans);
        // If probably no span is missing, the other queries are not needed.
        let other_tables = match &spans {
            Rows::Found(_) if has_enough_spans => Vec::new(),
            _ => spans_in_other_schemas(&mut lookup, &units).await?,
        };
        let tables = TableRows { jobs, units, spans };
        Ok(Self { tables, other_tables, concurrent_spans, unread: lookup.unread })
    }
}
