//! The newest jobs of a database, with their units and spans, and what announces them.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::postgres::PgListener;

use super::catalog::Table;
use super::jobs::newest_jobs;
use super::lookup::{Key, Lookup, texts};
use super::session::{Error, Session};
use super::subject::Subject;
use crate::chain::chain;
use crate::observation::{Job, Owner, Rows, Unit};
use crate::spec::Spec;
use spanproof_lease::wait;

/// Notifications that arrive within this time of each other count as one.
const BURST: Duration = Duration::from_millis(5);
/// A job as one poll saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobProgress {
    /// The job's id.
    pub job: String,
    /// Its status.
    pub status: String,
    /// The number of its units in each status.
    pub units: BTreeMap<String, usize>,
    /// The number of its spans; `None` if they could not be looked for.
    pub spans: Option<usize>,
}

impl JobProgress {
    /// The number of its units.
    pub fn unit_count(&self) -> usize {
        self.units.values().sum()
    }

    /// Whether it has units and no span.
    pub fn is_dark(&self) -> bool {
        self.unit_count() > 0 && self.spans == Some(0)
    }
}

/// The newest jobs of a database: read on request, and announced by its notifications. When to read
/// them is up to the caller.
#[derive(Debug)]
pub struct JobFeed {
    session: Session,
    listener: Option<PgListener>,
    unread: Vec<String>,
}

impl JobFeed {
    /// Opens the session, and listens on the channel unless its name is empty.
    ///
    /// # Errors
    /// When the login fails. A channel that can't be listened on is no error.
    pub async fn open(url: &str, channel: &str) -> Result<Self, Error> {
        let session = Session::open(url, "watch").await?;
        let listener = listen(url, channel).await;
        Ok(Self { session, listener, unread: Vec::new() })
    }

    /// Whether the database notifies of new jobs.
    pub fn listens(&self) -> bool {
        self.listener.is_some()
    }

    /// The URL, secrets masked.
    pub fn url(&self) -> &str {
        self.session.url()
    }

    /// Reads the newest jobs, the newest last.
    ///
    /// # Errors
    /// When the database goes away, or a table can't be read.
    pub async fn poll(&mut self, spec: &Spec, last: usize) -> Result<Vec<JobProgress>, Error> {
        self.session.restart_transaction().await?;
        let mut lookup = Lookup::new(&mut self.session, spec);
        let jobs = newest_progress(&mut lookup, last).await;
        self.unread = lookup.unread;
        // A transaction that stays open keeps the server from tidying up.
        self.session.end_transaction().await?;
        jobs
    }

    /// What the last poll could not read, each with its reason.
    pub fn unread(&self) -> &[String] {
        &self.unread
    }

    /// Waits until the database notifies of a new job; forever if it is not listened to.
    pub async fn notified(&mut self) {
        // A listener that has lost its connection opens it again by itself.
        let notified = match &mut self.listener {
            Some(listener) => {
                let notified = Box::pin(listener.recv()).await.is_ok();
                // A thousand of them are one reason to poll.
                while wait::happens(BURST, async { drop(Box::pin(listener.recv()).await) }).await {}
                notified
            }
            None => false,
        };
        if !notified {
            std::future::pending::<()>().await;
        }
    }

    /// Ends the session.
    pub async fn close(self) {
        self.session.close().await;
    }
}

async fn listen(url: &str, channel: &str) -> Option<PgListener> {
    if channel.is_empty() {
        return None;
    }
    let mut listener = PgListener::connect(url).await.ok()?;
    listener.listen(channel).await.map_err(|error| chain(&error)).ok()?;
    Some(listener)
}

/// The newest jobs as they are now, the newest last.
async fn newest_progress(lookup: &mut Lookup<'_>, last: usize) -> Result<Vec<JobProgress>, Error> {
    let tables = &lookup.spec.tables;
    let unreadable = |table: &str, reason| Error::Missing(format!("`{table}`: {reason}"));
    let name = &tables.jobs.table;
    let table = Table::read(lookup.session, name).await?;
    let table = table.accepted_or(|reason| unreadable(name, reason))?;
    let subject = Subject { last, ..Subject::default() };
    let jobs = match newest_jobs(lookup, &table, &subject).await? {
        Rows::Found(jobs) => jobs,
        Rows::Unreadable(reason) => return Err(unreadable(name, reason)),
    };
    let ids = texts(&jobs, &tables.jobs.id);
    let name = &tables.units.table;
    let by_job = Key { column: &tables.units.job, values: &ids };
    let units = lookup.rows_by(name, &[by_job]).await?;
    let units = units.accepted_or(|reason| unreadable(name, reason))?;
    let unit_ids = texts(&units, &tables.units.id);
    let keys = [
        Key { column: &tables.spans.unit, values: &unit_ids },
        Key { column: tables.span_job(), values: &ids },
    ];
    let known = lookup.unread.len();
    let spans = lookup.rows_by(&tables.spans.table, &keys).await?;
    let spans = spans.into_result().unwrap_or_else(|reason| {
        lookup.unread.push(format!("{}: {reason}", tables.spans.table));
        Vec::new()
    });
    let seen = Seen {
        units: Unit::from_rows(tables, &units),
        owners: spans.iter().map(|span| Owner::from_row(tables, span)).collect(),
        all_keys: lookup.unread.len() == known,
    };
    Ok(Job::from_rows(tables, &jobs).into_iter().map(|job| seen.progress(job)).collect())
}

/// The units that one poll read, and of whom its spans are.
struct Seen {
    units: Vec<Unit>,
    owners: Vec<Owner>,
    /// Whether every key was used to find spans: without one, spans that are not there are not missing.
    all_keys: bool,
}

impl Seen {
    fn progress(&self, job: Job) -> JobProgress {
        let id = job.id.unwrap_or_default();
        let units: Vec<_> =
            self.units.iter().filter(|unit| unit.job.as_ref() == Some(&id)).collect();
        let unit_ids: Vec<_> = units.iter().filter_map(|unit| unit.id.clone()).collect();
        let mut counts = BTreeMap::new();
        for unit in &units {
            *counts.entry(unit.status.clone().unwrap_or_default()).or_default() += 1;
        }
        let jobs = std::slice::from_ref(&id);
        let is_own = |owner: &&Owner| owner.is_among(&unit_ids, jobs) == Some(true);
        let spans = self.owners.iter().filter(is_own).count();
        JobProgress {
            status: job.status.unwrap_or_default(),
            units: counts,
            spans: Some(spans).filter(|spans| *spans > 0 || self.all_keys),
            job: id,
        }
    }
}
