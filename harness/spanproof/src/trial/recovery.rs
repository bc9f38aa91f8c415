//! Separates the evidence of the two jobs of a case with a fault, a disturbance that spanproof
//! causes on purpose. The second job runs after the fault was removed.

use super::service::StoppedService;
use crate::matrix::Case;
use crate::observation::{
    self, Failure, JobRun, LineCounts, Observation, Origin, ProcessRun, Row, Rows, SecondJob,
    TableRows, TrialRecord,
};
use crate::process::{Output, Stream};
use crate::spec;

/// The evidence of the first job at the moment the fault was removed.
#[derive(Debug)]
pub(super) struct FirstJob {
    /// The rows at that moment.
    pub(super) tables: TableRows,
    /// The submitted job.
    pub(super) job_run: JobRun,
    /// Lines that the service had printed.
    pub(super) lines: LineCounts,
    /// The process that the fault killed; `None` if it kept running.
    pub(super) stopped: Option<StoppedService>,
}

impl FirstJob {
    /// Returns the observation of the case: the evidence of the first job, with the second job as a part of
    /// it. `tables` and `record` are from the end of the trial and contain both jobs. `server_errors` are
    /// those of the second job.
    pub(super) fn with_second_job(
        self,
        mapping: &spec::Tables,
        case: Case,
        (tables, server_errors): (TableRows, Option<Vec<Failure>>),
        record: TrialRecord,
    ) -> Observation {
        let second_tables = rows_of_second_job(mapping, &self.tables, tables);
        let TrialRecord { service, run, job_run, exchanges, mut strangers, .. } = record;
        let output = output_between(&run.output, run.startup, self.lines, None);
        let run_of_second = ProcessRun { output, ..run.clone() };
        let second =
            SecondJob { run: run_of_second, job_run, tables: second_tables, server_errors };
        let (service, run, exchanges) = if let Some(first) = self.stopped {
            for (process, requests) in first.strangers {
                *strangers.entry(process).or_default() += requests;
            }
            (first.service, first.run, [first.exchanges, exchanges].concat())
        } else {
            let output = output_before(&run.output, self.lines);
            (service, ProcessRun { output, ..run }, exchanges)
        };
        let second_job = Some(Box::new(second));
        let job_run = self.job_run;
        // The recorded period and number of spans cover both jobs, so they are dropped.
        let record = TrialRecord {
            service,
            run,
            job_run,
            exchanges,
            strangers,
            second_job,
            period: None,
            spans_before_stop: None,
            ..record
        };
        Observation { case, tables: self.tables, origin: Origin::Trial(Box::new(record)) }
    }
}

/// Returns the rows of the second job: new or changed jobs and units, and new spans.
pub(super) fn rows_of_second_job(
    mapping: &spec::Tables,
    first: &TableRows,
    all: TableRows,
) -> TableRows {
    let same_id = |old: &Row, new: &Row| old.get(&mapping.spans.id) == new.get(&mapping.spans.id);
    let units = all.units.difference(&first.units, Row::eq);
    let belongs_to = |rows: &Rows, span: &Row| {
        let unit = observation::id(span, &mapping.spans.unit);
        unit.is_some()
            && rows.all().iter().any(|row| observation::id(row, &mapping.units.id) == unit)
    };
    // A span without a unit id belongs to the job of its parent.
    let has_old_parent = |span: &Row| {
        let parent = observation::text(span, &mapping.spans.parent);
        let names_unit = observation::id(span, &mapping.spans.unit).is_some();
        let is_parent = |row: &Row| observation::text(row, &mapping.spans.id) == parent;
        !names_unit && parent.is_some() && first.spans.all().iter().any(is_parent)
    };
    // Spans of the first job may be written after the fault was removed.
    let is_late = |span: &Row| {
        let is_of_first = belongs_to(&first.units, span) && !belongs_to(&units, span);
        is_of_first || has_old_parent(span)
    };
    let spans = all.spans.difference(&first.spans, same_id).filter(|span| !is_late(span));
    TableRows { jobs: all.jobs.difference(&first.jobs, Row::eq), units, spans }
}

/// Keeps the lines for which `keep` returns true. `keep` gets each line's stream and its index in the
/// stream.
fn filter_lines(output: &Output, keep: impl Fn(Stream, usize) -> bool) -> Output {
    let mut counts = [0_usize; 2];
    let lines = output.lines.iter().filter(|line| {
        let count = &mut counts[usize::from(line.stream == Stream::Stderr)];
        *count += 1;
        keep(line.stream, *count - 1)
    });
    Output { lines: lines.cloned().collect(), ..output.clone() }
}

/// Returns the first lines of each stream, as many as `counts` says.
fn output_before(output: &Output, counts: LineCounts) -> Output {
    filter_lines(output, |stream, index| index < counts.stream(stream))
}

/// Returns the startup lines and the lines between `from` and `to`; `None` is the end. `startup`, `from` and
/// `to` count the lines of each stream before that place.
pub(super) fn output_between(
    output: &Output,
    startup: LineCounts,
    from: LineCounts,
    to: Option<LineCounts>,
) -> Output {
    filter_lines(output, |stream, index| {
        let is_before_end = to.is_none_or(|to| index < to.stream(stream));
        index < startup.stream(stream) || (index >= from.stream(stream) && is_before_end)
    })
}
