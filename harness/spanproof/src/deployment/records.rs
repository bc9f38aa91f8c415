//! The jobs that are asked about, with their units and spans.

use super::jobs::jobs;
use super::lookup::{Key, Lookup, texts};
use super::session::{Error, Session};
use super::spans::{neighbours, spans, spans_elsewhere};
use super::subject::Subject;
use crate::observation::{Neighbour, Rows, Sink, Table, Tables};
use crate::spec::Spec;

/// Jobs with what belongs to them.
#[derive(Debug)]
pub(super) struct Records {
    pub(super) tables: Tables,
    /// Tables of the span table's name in other schemas, with their spans of these units.
    pub(super) elsewhere: Vec<(String, u64)>,
    /// Spans of other work at the same time.
    pub(super) neighbours: Vec<Neighbour>,
    /// What could not be read, each with its reason.
    pub(super) unread: Vec<String>,
}

impl Records {
    /// The records that are known without a database.
    pub(super) fn none() -> Self {
        let tables = Tables::unreadable("no database was given");
        Self { tables, elsewhere: Vec::new(), neighbours: Vec::new(), unread: Vec::new() }
    }

    /// Finds the jobs of the subject and what belongs to them, in a database, by its indexes.
    /// `sink` gets the rows of each table as soon as they are read.
    ///
    /// # Errors
    /// When the database is gone, or a job is not there.
    pub(super) async fn find(
        session: &mut Session,
        spec: &Spec,
        subject: &Subject,
        sink: &mut dyn Sink,
    ) -> Result<Self, Error> {
        let tables = &spec.tables;
        let mut lookup = Lookup::new(session, spec);
        let jobs = jobs(&mut lookup, subject).await?;
        sink.rows(Table::Jobs, &jobs);
        let ids = texts(jobs.all(), &tables.jobs.id);
        let by_job = Key { column: &tables.units.job, values: &ids };
        let units = lookup.rows_by(&tables.units.table, &[by_job]).await?.into_rows();
        sink.rows(Table::Units, &units);
        let spans = spans(&mut lookup, &ids, &units).await?;
        sink.rows(Table::Spans, &spans);
        let complete = spans.all().len() >= units.all().len();
        let elsewhere = match &spans {
            Rows::Found(_) if complete => Vec::new(),
            _ => spans_elsewhere(&mut lookup, &units).await?,
        };
        let neighbours = match &spans {
            Rows::Found(_) if !complete => neighbours(&mut lookup, &units).await?,
            _ => Vec::new(),
        };
        let tables = Tables { jobs, units, spans };
        Ok(Self { tables, elsewhere, neighbours, unread: lookup.unread })
    }
}
