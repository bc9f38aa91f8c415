//! The newest jobs with their units and spans, looked at again and again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sqlx::postgres::PgListener;

use super::catalog::Table;
use super::lookup::{by, newest, texts};
use super::{Error, Session, Subject};
use crate::chain::chain;
use crate::evidence::{Rows, text};
use crate::spec::Spec;
use crate::wait;

/// While something happens, it is looked so often.
const SOON: Duration = Duration::from_millis(250);
/// While nothing happens, no more often than this.
const LATE: Duration = Duration::from_secs(2);
/// Whatever the database tells, it is not looked more often than this.
const BREATH: Duration = Duration::from_millis(50);
/// So long more is listened for what comes together with the first notice.
const AFTER: Duration = Duration::from_millis(5);
/// A look that takes long is not followed by another at once: so many times as long is waited.
const CALM: u32 = 4;

/// What one look has shown of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// The job's id.
    pub job: String,
    /// Its status.
    pub status: String,
    /// Its units, by status.
    pub units: BTreeMap<String, usize>,
    /// How many spans there are of it; nothing where they could not be looked for.
    pub spans: Option<usize>,
}

impl Beat {
    /// How many units it has.
    pub fn unit_count(&self) -> usize {
        self.units.values().sum()
    }

    /// Whether work is there and no span of it is.
    pub fn is_dark(&self) -> bool {
        self.unit_count() > 0 && self.spans == Some(0)
    }
}

/// A database that is looked at again and again.
#[derive(Debug)]
pub struct Pulse {
    session: Session,
    listener: Option<PgListener>,
    interval: Duration,
    took: Duration,
    unread: Vec<String>,
}

impl Pulse {
    /// Opens the session, and listens to a channel where one is named.
    ///
    /// # Errors
    /// When the database does not let us in. That it can't be listened to is no error.
    pub async fn open(url: &str, channel: &str) -> Result<Self, Error> {
        let session = Session::open(url, "watch").await?;
        let listener = listen(url, channel).await;
        let (interval, took, unread) = (SOON, Duration::ZERO, Vec::new());
        Ok(Self { session, listener, interval, took, unread })
    }

    /// Whether the database tells of new jobs by itself.
    pub fn listens(&self) -> bool {
        self.listener.is_some()
    }

    /// The URL, secrets masked.
    pub fn place(&self) -> &str {
        self.session.place()
    }

    /// The newest jobs, the newest last.
    ///
    /// # Errors
    /// When the database goes away, or a table can't be read.
    pub async fn look(&mut self, spec: &Spec, last: usize) -> Result<Vec<Beat>, Error> {
        let start = Instant::now();
        self.session.again().await?;
        self.unread.clear();
        let beats = beats(&mut self.session, spec, last, &mut self.unread).await;
        // A transaction that stays open keeps the server from tidying up.
        self.session.rest().await?;
        self.took = start.elapsed();
        beats
    }

    /// What the last look could not see, with the reasons.
    pub fn unread(&self) -> &[String] {
        &self.unread
    }

    /// How long to wait at least, even when the database tells of something.
    pub fn breath(&self) -> Duration {
        BREATH.max(self.took * CALM)
    }

    /// How long to wait for the next look: longer while nothing changes, and on a slow link.
    pub fn pace(&mut self, changed: bool) -> Duration {
        self.interval = if changed { SOON } else { (self.interval * 2).min(LATE) };
        self.interval.max(self.took * CALM)
    }

    /// Waits until the database tells of a new job; for ever where it does not.
    pub async fn told(&mut self) {
        // A listener that has lost its connection opens it again by itself.
        let told = match &mut self.listener {
            Some(listener) => {
                let told = Box::pin(listener.recv()).await.is_ok();
                // A thousand of them are one reason to look.
                while wait::told(AFTER, async { drop(Box::pin(listener.recv()).await) }).await {}
                told
            }
            None => false,
        };
        if !told {
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

async fn beats(
    session: &mut Session,
    spec: &Spec,
    last: usize,
    unread: &mut Vec<String>,
) -> Result<Vec<Beat>, Error> {
    let (jobs, units, spans) = (&spec.tables.jobs, &spec.tables.units, &spec.tables.spans);
    let table = Table::read(session, &jobs.table).await?;
    let table = table.map_err(|why| Error::Missing(format!("`{}`: {why}", jobs.table)))?;
    let subject = Subject { last, ..Subject::default() };
    let found = newest(session, spec, &table, &subject).await?;
    if let Rows::Unreadable(why) = &found {
        return Err(Error::Missing(format!("`{}`: {why}", jobs.table)));
    }
    let ids = texts(found.all(), &jobs.id);
    let work = by(session, &units.table, &[(units.job.as_str(), ids.as_slice())], unread).await?;
    let work = work.map_err(|why| Error::Missing(format!("`{}`: {why}", units.table)))?;
    let unit_ids = texts(work.all(), &units.id);
    let ways =
        [(spans.unit.as_str(), unit_ids.as_slice()), (spec.tables.span_job(), ids.as_slice())];
    let known = unread.len();
    let traced = match by(session, &spans.table, &ways, unread).await? {
        Ok(traced) => traced,
        Err(why) => {
            unread.push(format!("{}: {why}", spans.table));
            Rows::Found(Vec::new())
        }
    };
    // What could not be looked for is not missing.
    let all_ways = unread.len() == known;
    let beats = found.all().iter().map(|row| {
        let id = text(row, &jobs.id).unwrap_or_default();
        let own: Vec<_> =
            work.all().iter().filter(|unit| text(unit, &units.job).as_ref() == Some(&id)).collect();
        let own_ids: Vec<_> = own.iter().filter_map(|unit| text(unit, &units.id)).collect();
        let of_job = |span: &&crate::evidence::Row| match text(span, &spans.unit) {
            Some(unit) => own_ids.contains(&unit),
            None => text(span, spec.tables.span_job()).as_ref() == Some(&id),
        };
        let mut counts = BTreeMap::new();
        for unit in &own {
            *counts.entry(text(unit, &units.status).unwrap_or_default()).or_default() += 1;
        }
        Beat {
            status: text(row, &jobs.status).unwrap_or_default(),
            units: counts,
            spans: Some(traced.all().iter().filter(of_job).count()).filter(|n| *n > 0 || all_ways),
            job: id,
        }
    });
    Ok(beats.collect())
}
