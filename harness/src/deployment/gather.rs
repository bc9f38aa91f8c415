//! Evidence of a system that is already there.

use super::dump::Dump;
use super::log::{Log, LogMatches};
use super::moment::Window;
use super::records::Records;
use super::session::{Error, Session};
use super::sink::Sink;
use super::subject::Subject;
use crate::evidence::{Deployment, Evidence, FORMAT, Reached, Rows, StartupCut, text, time};
use crate::matrix::Case;
use crate::process::{Exit, Output};
use crate::spec::{Spec, Value};

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

/// Reads what a system left behind: first its rows, then the lines of its log that were written
/// while these jobs were there. `sink` gets each part as soon as it was read.
///
/// # Errors
/// When the database goes away, a job is not there, or the log can't be read.
pub async fn gather(
    spec: &Spec,
    subject: &Subject,
    rows: Rowset<'_>,
    log: Option<Log<'_>>,
    sink: &mut dyn Sink,
) -> Result<Evidence, Error> {
    let unseen = unseen(spec, subject);
    let (found, database, plans) = match rows {
        Rowset::Live(session) => {
            let found = Records::find(session, spec, subject, sink).await?;
            (found, Some(session.url().to_owned()), session.plans().to_vec())
        }
        Rowset::Dumped(dump) => {
            let found = dump.find(spec, subject)?;
            for (at, rows) in [&found.jobs, &found.units, &found.spans].into_iter().enumerate() {
                sink.rows(at, rows);
            }
            (found, Some(dump.name().to_owned()), Vec::new())
        }
        Rowset::None => {
            let Evidence { jobs, units, spans, .. } = unseen.clone();
            let found = Records {
                jobs,
                units,
                spans,
                elsewhere: Vec::new(),
                neighbours: Vec::new(),
                unread: Vec::new(),
            };
            (found, None, Vec::new())
        }
    };
    let window = log_window(spec, &found, subject.window);
    let read = log.map(|log| LogMatches::read(spec, log, window, sink)).transpose()?;
    let (output, log) = match read {
        Some(LogMatches { facts, output }) => (output, Some(facts)),
        None => (Output::default(), None),
    };
    let Records { jobs, units, spans, elsewhere, neighbours, unread } = found;
    let route = jobs.all().iter().find_map(|row| text(row, &spec.tables.jobs.route));
    Ok(Evidence {
        case: Case::new(spec, subject.flags.clone(), [&route.unwrap_or_default(), "", ""]),
        output,
        jobs,
        units,
        spans,
        deployment: Some(Box::new(Deployment {
            database,
            log,
            elsewhere,
            neighbours,
            unread,
            plans,
        })),
        ..unseen
    })
}

/// Evidence of a system before anything of it was seen.
pub fn unseen(spec: &Spec, subject: &Subject) -> Evidence {
    let nowhere = || Rows::Unreadable("no database was given".into());
    let flags = subject.flags.clone();
    let set = |(name, value): &(String, Value)| Some((name.clone(), value.text()?.to_owned()));
    Evidence {
        format: FORMAT.into(),
        environment: flags.iter().filter_map(set).collect(),
        case: Case::new(spec, flags, ["", "", ""]),
        command: String::new(),
        program: None,
        names: Vec::new(),
        output: Output::default(),
        startup: StartupCut::default(),
        ready: Reached::Yes,
        submission: None,
        settled: None,
        jobs: nowhere(),
        units: nowhere(),
        spans: nowhere(),
        witness: None,
        recovery: None,
        exchanges: Vec::new(),
        exit: Exit::unseen(),
        timings: std::collections::BTreeMap::new(),
        deployment: Some(Box::default()),
    }
}

/// The window in which lines of the log can be about these jobs.
fn log_window(spec: &Spec, found: &Records, asked: Window) -> Window {
    let (jobs, units) = (&spec.tables.jobs, &spec.tables.units);
    let of = |rows: &Rows, column: &str| -> Vec<_> {
        rows.all().iter().filter_map(|row| time(row, column)).collect()
    };
    let begun = [of(&found.jobs, &jobs.created), of(&found.units, &units.started)].concat();
    let ended = of(&found.units, &units.completed);
    let slack =
        chrono::Duration::milliseconds(i64::try_from(spec.service.flush_ms).unwrap_or(5000));
    let since = begun.iter().min().map(|first| *first - slack);
    // Where a unit has no end it may still be at work.
    let ongoing = ended.len() < found.units.all().len() || ended.is_empty();
    let until = ended.iter().max().filter(|_| !ongoing).map(|last| *last + slack);
    Window { since: asked.since.or(since), until: asked.until.or(until) }
}
