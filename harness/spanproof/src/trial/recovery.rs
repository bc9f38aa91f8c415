//! Telling the second job of a case under a fault apart from the first one.

use super::service::StoppedService;
use crate::matrix::Case;
use crate::observation::{
    Observation, Origin, ProcessRun, Row, Rows, Second, StartupCut, Tables, TrialRecord, Work,
};
use crate::process::{Output, Stream};
use crate::spec;

/// What the first job had left when the fault was removed.
#[derive(Debug)]
pub(super) struct FirstJob {
    /// The rows at that moment.
    pub(super) tables: Tables,
    /// The job.
    pub(super) work: Work,
    /// How many lines the service had printed.
    pub(super) lines_before: StartupCut,
    /// The service that the fault has ended; `None` if it runs on.
    pub(super) stopped: Option<StoppedService>,
}

impl FirstJob {
    /// The observation of the first job, with the second job in it. `tables` and `record` are those
    /// of the trial at its end.
    pub(super) fn with_second(
        self,
        mapping: &spec::Tables,
        case: Case,
        tables: Tables,
        record: TrialRecord,
    ) -> Observation {
        let since = since(mapping, &self.tables, tables);
        let TrialRecord { service, run, work, exchanges, witness, second: _, timings } = record;
        let later = later(&run.output, run.startup, self.lines_before);
        let second =
            Second { run: ProcessRun { output: later, ..run.clone() }, work, tables: since };
        let (service, run, exchanges) = if let Some(first) = self.stopped {
            (first.service, first.run, [first.exchanges, exchanges].concat())
        } else {
            let output = until(&run.output, self.lines_before);
            (service, ProcessRun { output, ..run }, exchanges)
        };
        let second = Some(Box::new(second));
        let work = self.work;
        let record = TrialRecord { service, run, work, exchanges, witness, second, timings };
        Observation { case, tables: self.tables, origin: Origin::Trial(Box::new(record)) }
    }
}

/// The rows that the second job left: jobs and units that are new or changed, and new spans.
fn since(mapping: &spec::Tables, first: &Tables, all: Tables) -> Tables {
    let same_id = |old: &Row, new: &Row| old.get(&mapping.spans.id) == new.get(&mapping.spans.id);
    let units = all.units.since(&first.units, Row::eq);
    // Spans of the first job that were still on their way are not the second's.
    let id = |row: &Row, column: &String| row.get(column).cloned();
    let is_of = |rows: &Rows, span: &Row| {
        let unit = id(span, &mapping.spans.unit);
        unit.is_some() && rows.all().iter().any(|row| id(row, &mapping.units.id) == unit)
    };
    let late = |span: &Row| is_of(&first.units, span) && !is_of(&units, span);
    let spans = all.spans.since(&first.spans, same_id).filtered(|span| !late(span));
    Tables { jobs: all.jobs.since(&first.jobs, Row::eq), units, spans }
}

/// Each line with its number in its stream, from 0.
fn pick(output: &Output, keep: impl Fn(Stream, usize) -> bool) -> Output {
    let mut counts = [0_usize; 2];
    let lines = output.lines.iter().filter(|line| {
        let count = &mut counts[usize::from(line.stream == Stream::Stderr)];
        *count += 1;
        keep(line.stream, *count - 1)
    });
    Output { lines: lines.cloned().collect(), ..output.clone() }
}

fn until(output: &Output, cut: StartupCut) -> Output {
    pick(output, |stream, at| at < cut.of(stream))
}

/// The startup, and what came after the cut.
fn later(output: &Output, startup: StartupCut, cut: StartupCut) -> Output {
    pick(output, |stream, at| at < startup.of(stream) || at >= cut.of(stream))
}
