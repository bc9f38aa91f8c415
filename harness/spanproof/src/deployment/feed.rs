//! Polls the newest jobs of a database with their units of work and spans, and waits for Postgres's
//! notifications about new jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sqlx::postgres::PgListener;

use super::catalog::Table;
use super::jobs::newest_jobs;
use super::lookup::{Key, Lookup, ids as unit_ids, texts};
use super::required_columns::row_security;
use super::selection::JobSelection;
use super::session::{Error, Session};
use super::spans::{running_window, spans_without_unit};
use crate::chain::chain;
use crate::observation::{self, Job, Owner, Row, Rows, Unit, text};
use crate::spec::Spec;
use spanproof_lease::wait;

/// Notifications that follow each other within this time count as one.
const BURST: Duration = Duration::from_millis(5);

/// The state of a job at one poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobProgress {
    /// Job id.
    pub job: String,
    /// Status of the job.
    pub status: String,
    /// Number of the job's units of work in each status.
    pub units: BTreeMap<String, usize>,
    /// Number of the job's spans; `None` if this number is not known: not all spans could be read, or spans
    /// that name no unit may belong to the job.
    pub spans: Option<usize>,
}

impl JobProgress {
    /// Returns the number of the job's units.
    pub fn unit_count(&self) -> usize {
        self.units.values().sum()
    }

    /// Whether the job has units but no span.
    pub fn has_no_spans(&self) -> bool {
        self.unit_count() > 0 && self.spans == Some(0)
    }
}

/// Reads the newest jobs of a database, and waits for the database's notifications. The caller
/// decides when to poll.
#[derive(Debug)]
pub struct JobFeed {
    session: Session,
    /// Receives notifications; `None` if the feed only polls.
    listener: Option<PgListener>,
    /// What the last poll could not read, each with its reason.
    unread: Vec<String>,
}

impl JobFeed {
    /// Connects to a database, and listens on a channel unless the channel's name is empty.
    ///
    /// # Errors
    /// If the login fails. A channel that can't be listened on is not an error.
    pub async fn open(url: &str, channel: &str) -> Result<Self, Error> {
        let session = Session::open(url, "watch").await?;
        let listener = listen(url, channel).await;
        Ok(Self { session, listener, unread: Vec::new() })
    }

    /// Whether the feed listens for notifications.
    pub fn is_listening(&self) -> bool {
        self.listener.is_some()
    }

    /// Returns the database URL, secrets masked.
    pub fn url(&self) -> &str {
        self.session.url()
    }

    /// Reads the `last` newest jobs, oldest first.
    ///
    /// # Errors
    /// If the connection is lost, or a table can't be read.
    pub async fn poll(&mut self, spec: &Spec, last: usize) -> Result<Vec<JobProgress>, Error> {
        self.session.restart_transaction().await?;
        let mut lookup = Lookup::new(&mut self.session, spec);
        let jobs = newest_progress(&mut lookup, last).await;
        self.unread = lookup.unread;
        // An open transaction would hold back vacuum.
        self.session.end_transaction().await?;
        jobs
    }

    /// Returns what the last poll could not read, each with its reason.
    pub fn unread(&self) -> &[String] {
        &self.unread
    }

    /// Waits for a notification about a new job; forever if the feed does not listen.
    pub async fn wait_for_job(&mut self) {
        // The listener reconnects if its connection is lost.
        let notified = match &mut self.listener {
            Some(listener) => {
                let notified = Box::pin(listener.recv()).await.is_ok();
                // A burst of notifications needs only one poll.
                while wait::happens_within(BURST, async { drop(Box::pin(listener.recv()).await) })
                    .await
                {}
                notified
            }
            None => false,
        };
        if !notified {
            std::future::pending::<()>().await;
        }
    }

    /// Closes the connections.
    pub async fn close(self) {
        self.session.close().await;
    }
}

/// Listens on a channel; `None` if the channel's name is empty or the database refuses.
async fn listen(url: &str, channel: &str) -> Option<PgListener> {
    if channel.is_empty() {
        return None;
    }
    let mut listener = PgListener::connect(url).await.ok()?;
    listener.listen(channel).await.map_err(|error| chain(&error)).ok()?;
    Some(listener)
}

/// Reads the current state of the newest jobs, oldest first.
async fn newest_progress(lookup: &mut Lookup<'_>, last: usize) -> Result<Vec<JobProgress>, Error> {
    let tables = &lookup.spec.tables;
    let unreadable = |table: &str, reason| Error::NotFound(format!("`{table}`: {reason}"));
    let name = &tables.jobs.table;
    let table = Table::read(lookup.session, name).await?;
    let table = table.accepted_or(|reason| unreadable(name, reason))?;
    let selection = JobSelection { last, ..JobSelection::default() };
    let jobs = match newest_jobs(lookup, &table, &selection).await? {
        Rows::Found(jobs) => jobs,
        Rows::Unreadable(reason) => return Err(unreadable(name, reason)),
    };
    if table.has_row_security && jobs.is_empty() {
        lookup.unread.push(row_security(name));
    }
    let ids = texts(&jobs, &tables.jobs.id);
    let name = &tables.units.table;
    let by_job = Key::new(&tables.units.job, &ids);
    let units = lookup.rows_by(observation::Table::Units, name, &[by_job]).await?;
    let units = units.accepted_or(|reason| unreadable(name, reason))?;
    let (unit_ids, job_column) = (unit_ids(&units, &tables.units.id), tables.span_job());
    let by_unit = Key { columns: tables.spans.unit.columns(), values: &unit_ids };
    // Without a column for the job, spans are searched for only by their unit.
    let has_job_column = tables.spans.unit.columns().is_empty()
        || Table::read(lookup.session, &tables.spans.table)
            .await?
            .accepted()
            .is_none_or(|table| table.has_column(&job_column));
    let by_job = Some(Key::new(&job_column, &ids)).filter(|_| has_job_column);
    let keys: Vec<_> = [by_unit].into_iter().chain(by_job).collect();
    let unread_before = lookup.unread.len();
    let spans = lookup.rows_by(observation::Table::Spans, &tables.spans.table, &keys).await?;
    let spans = spans.into_result().unwrap_or_else(|reason| {
        lookup.unread.push(format!("{}: {reason}", tables.spans.table));
        Vec::new()
    });
    let poll = Poll {
        units: Unit::from_rows(tables, &units),
        owners: spans.iter().map(|span| Owner::from_row(tables, span)).collect(),
        is_complete: lookup.unread.len() == unread_before,
    };
    let jobs = Job::from_rows(tables, &jobs).into_iter().map(|job| poll.progress(job));
    let mut jobs: Vec<JobProgress> = jobs.collect();
    for job in jobs.iter_mut().filter(|job| job.has_no_spans()) {
        // Spans that name no unit and were begun while the job ran may belong to the job.
        let is_own = |row: &&Row| text(row, &tables.units.job).as_ref() == Some(&job.job);
        let own: Vec<Row> = units.iter().filter(is_own).cloned().collect();
        let Some(window) = running_window(lookup.spec, &own) else { continue };
        let mut others = spans_without_unit(lookup, window).await?.accepted_or_default();
        others.retain(|span| Owner::from_row(tables, span) == Owner::Unknown);
        if !others.is_empty() || lookup.may_have_hidden_rows(&tables.spans.table) {
            job.spans = None;
        }
    }
    Ok(jobs)
}

/// The units and spans that were read in one poll.
struct Poll {
    units: Vec<Unit>,
    /// For each span its owner: the unit or job to which the span refers.
    owners: Vec<Owner>,
    /// Whether the spans could be searched for in every way, by unit and by job. If `false`, a job may have
    /// spans although none was found.
    is_complete: bool,
}

impl Poll {
    /// Counts the units and spans of a job.
    fn progress(&self, job: Job) -> JobProgress {
        let id = job.id.unwrap_or_default();
        let units: Vec<_> =
            self.units.iter().filter(|unit| unit.job.as_ref() == Some(&id)).collect();
        let unit_ids: BTreeSet<_> = units.iter().filter_map(|unit| unit.id.clone()).collect();
        let mut counts = BTreeMap::new();
        for unit in &units {
            *counts.entry(unit.status.clone().unwrap_or_default()).or_default() += 1;
        }
        let jobs = BTreeSet::from([id.clone()]);
        let belongs_to_job = |owner: &&Owner| owner.is_among(&unit_ids, &jobs) == Some(true);
        let spans = self.owners.iter().filter(belongs_to_job).count();
        JobProgress {
            status: job.status.unwrap_or_default(),
            units: counts,
            spans: Some(spans).filter(|spans| *spans > 0 || self.is_complete),
            job: id,
        }
    }
}
