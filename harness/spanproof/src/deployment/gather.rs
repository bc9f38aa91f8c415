//! The observation of an existing system.

use super::dump::Dump;
use super::log::{LogStream, read_log};
use super::moment::Window;
use super::records::Records;
use super::session::{Error, Session};
use super::subject::Subject;
use crate::mask::Secrets;
use crate::matrix::Case;
use crate::observation::{Deployment, Job, Observation, Origin, Sink, Source, Tables, Unit};
use crate::spec::Spec;

/// Where rows come from.
#[derive(Debug)]
pub enum Rowset<'a> {
    /// A session on the database.
    Live(&'a mut Session),
    /// A dump of it.
    Dumped(&'a Dump),
    /// Nowhere.
    None,
}

/// An existing system, and what is asked of it.
#[derive(Debug)]
pub struct Existing<'a> {
    /// The spec that says what its tables and lines are called.
    pub spec: &'a Spec,
    /// What is asked about.
    pub subject: &'a Subject,
    /// Where its rows come from.
    pub rows: Rowset<'a>,
    /// Its log.
    pub log: Option<LogStream<'a>>,
}

impl Existing<'_> {
    /// Reads what the system left behind, as [`Observation`], secrets masked.
    ///
    /// # Errors
    /// When the system can't be read.
    pub async fn read(self) -> Result<Observation, Error> {
        self.observe(&mut ()).await
    }
}

impl Source for Existing<'_> {
    type Error = Error;

    /// Reads what a system left behind: first its rows, then the lines of its log that were
    /// written while these jobs were there. Secrets are masked in the observation; `sink` gets
    /// rows as they are.
    async fn observe(self, sink: &mut dyn Sink) -> Result<Observation, Error> {
        let Self { spec, subject, rows, log } = self;
        let (found, database, plans) = match rows {
            Rowset::Live(session) => {
                let found = Records::find(session, spec, subject, sink).await?;
                (found, Some(session.url().to_owned()), session.plans().to_vec())
            }
            Rowset::Dumped(dump) => {
                let found = dump.find(spec, subject)?;
                for (table, rows) in found.tables.all() {
                    sink.rows(table, rows);
                }
                (found, Some(dump.name().to_owned()), Vec::new())
            }
            Rowset::None => (Records::none(), None, Vec::new()),
        };
        let window = log_window(spec, &found.tables, subject.window);
        let log = log.map(|log| read_log(spec, log, window, sink)).transpose()?;
        let Records { tables, elsewhere, neighbours, unread } = found;
        let jobs = Job::from_rows(&spec.tables, tables.jobs.all());
        let route = jobs.into_iter().find_map(|job| job.route).unwrap_or_default();
        let case = Case::new(spec, subject.flags.clone(), [&route, "", ""]);
        let deployment = Deployment { database, log, elsewhere, neighbours, unread, plans };
        let origin = Origin::Deployment(Box::new(deployment));
        Ok(Observation { case, tables, origin }.masked(spec, &Secrets::default()))
    }
}

/// The observation of a system of which nothing was read yet.
pub(crate) fn unseen(spec: &Spec, subject: &Subject) -> Observation {
    Observation {
        case: Case::new(spec, subject.flags.clone(), ["", "", ""]),
        tables: Records::none().tables,
        origin: Origin::Deployment(Box::default()),
    }
}

/// The window in which lines of the log can be about these jobs.
fn log_window(spec: &Spec, found: &Tables, asked: Window) -> Window {
    let jobs = Job::from_rows(&spec.tables, found.jobs.all());
    let units = Unit::from_rows(&spec.tables, found.units.all());
    let begun = jobs.iter().filter_map(|job| job.created);
    let begun = begun.chain(units.iter().filter_map(|unit| unit.started)).min();
    let ended: Vec<_> = units.iter().filter_map(|unit| unit.ended).collect();
    let slack =
        chrono::Duration::milliseconds(i64::try_from(spec.service.flush_ms).unwrap_or(5000));
    let since = begun.map(|first| first - slack);
    // Where a unit has no end it may still be at work.
    let ongoing = ended.len() < units.len() || ended.is_empty();
    let until = ended.iter().max().filter(|_| !ongoing).map(|last| *last + slack);
    Window { since: asked.since.or(since), until: asked.until.or(until) }
}
