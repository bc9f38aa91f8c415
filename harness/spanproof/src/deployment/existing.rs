//! Reads an existing system (its database or a dump, and its log) as an observation: the evidence
//! that is judged.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::dump::Dump;
use super::log::{LogQuery, read_log};
use super::log_stream::LogStream;
use super::log_zone::RowTimes;
use super::records::Records;
use super::selection::JobSelection;
use super::session::{Error, Session};
use super::window::Window;
use crate::mask::Secrets;
use crate::matrix::Case;
use crate::observation::{
    Deployment, Job, Observation, Origin, Sink, Source, TableRows, Unit, text,
};
use crate::spec::Spec;
use crate::timestamp::shifted;

/// Where the rows of an existing system come from.
#[derive(Debug)]
pub enum RowSource<'a> {
    /// A session on the system's database.
    Session(&'a mut Session),
    /// A dump of the system's database.
    Dump(&'a Dump),
    /// No source of rows; there is only a log.
    None,
}

/// An existing system, and which of its jobs to read.
#[derive(Debug)]
pub struct ExistingSystem<'a> {
    /// The spec, which names the tables and the patterns of log lines.
    pub spec: &'a Spec,
    /// The jobs to read.
    pub selection: &'a JobSelection,
    /// Where the rows come from.
    pub rows: RowSource<'a>,
    /// The service's log; `None` if there is no log.
    pub log: Option<LogStream<'a>>,
}

impl ExistingSystem<'_> {
    /// Reads rows and log as an [`Observation`], secrets masked.
    ///
    /// # Errors
    /// If the database, dump or log can't be read.
    pub async fn read(self) -> Result<Observation, Error> {
        self.observe(&mut ()).await
    }
}

impl Source for ExistingSystem<'_> {
    type Error = Error;

    /// Reads the rows, then the log lines of the period in which the jobs ran. Secrets are masked
    /// in the observation, but not in the rows that `sink` gets.
    async fn observe(self, sink: &mut dyn Sink) -> Result<Observation, Error> {
        let Self { spec, selection, rows, log } = self;
        let (found, database, plans) = match rows {
            RowSource::Session(session) => {
                let found = Records::find(session, spec, selection, sink).await?;
                (found, Some(session.url().to_owned()), session.plans().to_vec())
            }
            RowSource::Dump(dump) => {
                let found = dump.find(spec, selection)?;
                for (table, rows) in found.tables.all() {
                    sink.rows(table, rows);
                }
                (found, Some(dump.name().to_owned()), Vec::new())
            }
            RowSource::None => (Records::empty(), None, Vec::new()),
        };
        let window = log_window(spec, &found.tables, selection.window);
        let query = LogQuery { window, times: row_times(spec, &found.tables) };
        let log = log.map(|log| read_log(spec, log, query, sink)).transpose()?;
        let Records { tables, other_tables, concurrent_spans, unread } = found;
        let jobs = Job::from_rows(&spec.tables, tables.jobs.all());
        let route = jobs.into_iter().find_map(|job| job.route).unwrap_or_default();
        let case = Case::new(spec, selection.flags.clone(), [&route, "", ""]);
        let deployment = Deployment {
            database,
            log,
            other_tables,
            concurrent_spans,
            unread,
            plans,
            ..Deployment::default()
        };
        let origin = Origin::Deployment(Box::new(deployment));
        Ok(Observation { case, tables, origin }.masked(spec, &Secrets::default()))
    }
}

/// Creates the observation of a system before anything was read from it.
pub(crate) fn empty_observation(spec: &Spec, selection: &JobSelection) -> Observation {
    Observation {
        case: Case::new(spec, selection.flags.clone(), ["", "", ""]),
        tables: Records::empty().tables,
        origin: Origin::Deployment(Box::default()),
    }
}

/// Returns the window of time in which log lines may belong to the found jobs: the time in which the jobs
/// ran, and the spec's `flush-ms` before and after it. A start or end of `requested` replaces that of the
/// jobs.
fn log_window(spec: &Spec, found: &TableRows, requested: Window) -> Window {
    let jobs = Job::from_rows(&spec.tables, found.jobs.all());
    let units = Unit::from_rows(&spec.tables, found.units.all());
    let created = jobs.iter().filter_map(|job| job.created);
    let first = created.chain(units.iter().filter_map(|unit| unit.started)).min();
    let ended: Vec<_> = units.iter().filter_map(|unit| unit.ended).collect();
    let flush = spec.flush_delta();
    let since = first.map(|first| shifted(first, -flush));
    // A unit without an end may still be running.
    let is_running = ended.len() < units.len() || ended.is_empty();
    let until = ended.iter().max().filter(|_| !is_running).map(|last| shifted(*last, flush));
    Window { since: requested.since.or(since), until: requested.until.or(until) }
}

/// Returns the times of the found rows, to compare with times in the log.
fn row_times(spec: &Spec, found: &TableRows) -> RowTimes {
    let mut times = RowTimes::default();
    let tables = &spec.tables;
    let units = Unit::from_rows(tables, found.units.all());
    // The end of each job's last unit; `None` if a unit has no end.
    let mut ends: BTreeMap<&String, Option<DateTime<Utc>>> = BTreeMap::new();
    for (job, ended) in units.iter().filter_map(|unit| Some((unit.job.as_ref()?, unit.ended))) {
        let end = ends.entry(job).or_insert(ended);
        *end = end.zip(ended).map(|(end, ended)| std::cmp::max(end, ended));
    }
    for (row, job) in found.jobs.all().iter().zip(Job::from_rows(tables, found.jobs.all())) {
        let texts = [&tables.jobs.id, &tables.jobs.name].map(|column| text(row, column));
        let is_waiting =
            job.status.as_ref().is_some_and(|status| tables.jobs.waiting.contains(status));
        if is_waiting {
            times.waiting.extend(texts.iter().flatten().cloned());
        }
        if let Some(Some(end)) = job.id.as_ref().and_then(|id| ends.get(id)).copied() {
            times.ends.extend(texts.iter().flatten().map(|name| (name.clone(), end)));
        }
        if let Some(created) = job.created {
            times.add(texts.into_iter().flatten(), created);
        }
    }
    for unit in units {
        if let Some(started) = unit.started {
            times.add(unit.id.into_iter(), started);
            times.starts.push(started);
        }
    }
    times
}
