//! Separates the evidence of the two jobs of a case with a fault, a disturbance that spanproof
//! causes on purpose. The second job runs after the fault was removed. A unit is one part of a job.

use std::collections::BTreeSet;

use super::service::StoppedService;
use super::span_jobs::{span_id, span_key, unit_id};
use crate::matrix::Case;
use crate::observation::{
    self, Failure, JobRun, LineCounts, Observation, Origin, ProcessRun, Row, Rows, SecondJob,
    TableRows, TrialRecord,
};
use crate::process::{Output, Stream};
use crate::spec::{Spec, Tables};

/// The evidence of the first job at the moment the fault was removed.
#[derive(Debug)]
pub(super) struct FirstJob {
    /// The rows of the trial at that moment.
    pub(super) tables: TableRows,
    /// The submission and the end of the job.
    pub(super) job_run: JobRun,
    /// The number of lines that the service had printed at that moment.
    pub(super) lines: LineCounts,
    /// The number of requests that the upstream had got at that moment.
    pub(super) requests: usize,
    /// The service that the fault killed; `None` if it kept running.
    pub(super) stopped: Option<StoppedService>,
}

impl FirstJob {
    /// Returns the observation of the case: the evidence of the first job, with the second job as a part of
    /// it. `tables` and `record` are from the end of the trial and contain both jobs. `server_errors` are
    /// the errors in the Postgres server's log during the second job; `None` if the log can't be read.
    pub(super) fn with_second_job(
        self,
        spec: &Spec,
        case: Case,
        (tables, server_errors): (TableRows, Option<Vec<Failure>>),
        record: TrialRecord,
    ) -> Observation {
        let mapping = &spec.tables;
        let all_spans = tables.spans.clone();
        let second_tables = rows_of_second_job(spec, &self.tables, tables);
        let mut tables = self.tables;
        if self.stopped.is_none() {
            tables.spans =
                spans_of_first_job(mapping, tables.spans, all_spans, &second_tables.spans);
        }
        let TrialRecord { service, run, job_run, exchanges, strangers, .. } = record;
        let mut foreign_requests = strangers;
        let output = output_between(&run.output, run.startup, self.lines, None);
        let run_of_second = ProcessRun { output, ..run.clone() };
        let second =
            SecondJob { run: run_of_second, job_run, tables: second_tables, server_errors };
        let (service, run, exchanges) = if let Some(first) = self.stopped {
            for (process, requests) in first.foreign_requests {
                *foreign_requests.entry(process).or_default() += requests;
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
            strangers: foreign_requests,
            second_job,
            request_counts: vec![self.requests],
            period: None,
            spans_before_stop: None,
            most_spans: None,
            ..record
        };
        Observation { case, tables, origin: Origin::Trial(Box::new(record)) }
    }
}

/// Returns the spans of the first job. They also contain spans that were stored only after the fault was
/// removed, or when the service stopped, because these were not lost. `before_removal` are the spans that
/// were stored before the fault was removed, `all` the spans at the end of the trial, and `second` those of
/// the second job.
fn spans_of_first_job(mapping: &Tables, before_removal: Rows, all: Rows, second: &Rows) -> Rows {
    match without(mapping, all, second) {
        rows @ Rows::Found(_) => {
            let deleted = without(mapping, before_removal, &rows);
            Rows::from([rows.all(), deleted.all()].concat())
        }
        Rows::Unreadable(_) => before_removal,
    }
}

/// Returns the rows of the second job: new or changed jobs and units, and those new spans that do not
/// belong to the first job. `first` are the rows when the fault was removed, and `all` the rows now. If there is a
/// job with a new id, changes of the first job do not count: a service may resume it after a crash.
pub(super) fn rows_of_second_job(spec: &Spec, first: &TableRows, all: TableRows) -> TableRows {
    let mapping = &spec.tables;
    let job_id = |job: &Row| observation::text(job, &mapping.jobs.id);
    let known: BTreeSet<String> = first.jobs.all().iter().filter_map(job_id).collect();
    let is_known = |id: Option<String>| id.is_some_and(|id| known.contains(&id));
    let has_new_job =
        all.jobs.all().iter().any(|job| job_id(job).is_some() && !is_known(job_id(job)));
    let is_resumed = |id: Option<String>| has_new_job && is_known(id);
    let jobs = all.jobs.difference(&first.jobs, Row::eq).filter(|job| !is_resumed(job_id(job)));
    let changed = all.units.difference(&first.units, Row::eq);
    let is_of_first_job = |unit: &Row| is_resumed(observation::text(unit, &mapping.units.job));
    let resumed = changed.clone().filter(|unit| is_of_first_job(unit));
    let units = changed.filter(|unit| !is_of_first_job(unit));
    let belongs_to = |rows: &Rows, span: &Row| {
        let unit = unit_id(spec, span);
        unit.is_some()
            && rows
                .all()
                .iter()
                .any(|row| observation::id_to_compare(row, &mapping.units.id) == unit)
    };
    // Spans of the first job may be stored after the fault was removed, so not every new span is of the
    // second.
    let is_of_first_unit = |span: &Row| {
        (belongs_to(&first.units, span) || belongs_to(&resumed, span)) && !belongs_to(&units, span)
    };
    let id = |span: &Row| span_id(mapping, span);
    let mut first_ids: BTreeSet<String> = first.spans.all().iter().filter_map(id).collect();
    // A span without a unit id belongs to the job of its parent. The parent may also have been stored only
    // after the fault was removed, so the search is repeated until it finds no more spans of the first job.
    let has_parent_in_first = |span: &Row, first_ids: &BTreeSet<String>| {
        let parent = span_key(mapping, span, &mapping.spans.parent);
        let names_unit = unit_id(spec, span).is_some();
        !names_unit && parent.is_some_and(|parent| first_ids.contains(&parent))
    };
    let mut spans = without(mapping, all.spans, &first.spans);
    loop {
        let known = first_ids.len();
        spans = spans.filter(|span| {
            let is_of_first_job = is_of_first_unit(span) || has_parent_in_first(span, &first_ids);
            if is_of_first_job {
                first_ids.extend(id(span));
            }
            !is_of_first_job
        });
        if first_ids.len() == known {
            break;
        }
    }
    TableRows { jobs, units, spans }
}

/// Returns the spans that have other ids than those in `others`.
fn without(mapping: &Tables, spans: Rows, others: &Rows) -> Rows {
    let ids: BTreeSet<_> = others.all().iter().map(|span| span_id(mapping, span)).collect();
    spans.filter(|span| !ids.contains(&span_id(mapping, span)))
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

/// Returns the startup lines and the lines from `from` up to but not including `to`; if `to` is `None`, up to
/// the end. `startup`, `from` and `to` are numbers of lines of each stream.
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

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::spec::example;

    fn rows(rows: &[Json]) -> Rows {
        Rows::from_json(rows.to_vec())
    }

    /// The spans of the unit with this id; the first of them was stored before the fault was removed.
    fn span(id: &str, unit: &str) -> Json {
        json!({"span_id": id, "trace_id": unit, "operation": "execute_question", "execution_id": unit})
    }

    fn unit(id: &str, job: u64, status: &str) -> Json {
        json!({"id": id, "job_id": job, "status": status})
    }

    fn job(id: u64, status: &str) -> Json {
        json!({"id": id, "status": status})
    }

    fn ids(rows: &Rows, column: &str) -> Vec<String> {
        rows.all().iter().filter_map(|row| observation::text(row, column)).collect()
    }

    /// Regression test: the units of the resumed job counted for the next job, and lacked the spans that they had
    /// before the crash.
    #[test]
    fn a_job_that_is_resumed_after_a_crash_is_not_part_of_the_next_one() {
        let spec = example(|text| text);
        let first = TableRows {
            jobs: rows(&[job(1, "running")]),
            units: rows(&[unit("a", 1, "running")]),
            spans: rows(&[span("s1", "a")]),
        };
        let all = TableRows {
            jobs: rows(&[job(1, "completed"), job(2, "completed")]),
            units: rows(&[
                unit("a", 1, "completed"),
                unit("b", 1, "completed"),
                unit("c", 2, "completed"),
            ]),
            spans: rows(&[span("s1", "a"), span("s2", "b"), span("s3", "c")]),
        };
        let second = rows_of_second_job(&spec, &first, all.clone());
        assert_eq!(ids(&second.jobs, "id"), ["2"]);
        assert_eq!(ids(&second.units, "id"), ["c"]);
        assert_eq!(ids(&second.spans, "span_id"), ["s3"]);
        // Without a new job, the service works off the same row again.
        let only_one = TableRows { jobs: rows(&[job(1, "completed")]), ..all };
        let second = rows_of_second_job(&spec, &first, only_one);
        assert_eq!(ids(&second.units, "id"), ["a", "b", "c"]);
    }

    /// Regression test: late spans of the first job belonged to the second one, because they wrote the ids of
    /// their units in another way than the table of units.
    #[test]
    fn late_spans_with_another_spelling_of_a_uuid_belong_to_the_first_job() {
        let spec = example(|text| text);
        let (hyphens, plain) =
            ("6F9619FF-8B86-D011-B42D-00CF4FC964FF", "6f9619ff8b86d011b42d00cf4fc964ff");
        let first = TableRows {
            jobs: rows(&[job(1, "completed")]),
            units: rows(&[unit(hyphens, 1, "completed")]),
            spans: rows(&[]),
        };
        let all = TableRows {
            jobs: rows(&[job(1, "completed"), job(2, "completed")]),
            units: rows(&[unit(hyphens, 1, "completed"), unit("c", 2, "completed")]),
            spans: rows(&[span("s1", plain), span("s2", &format!("\\x{plain}")), span("s3", "c")]),
        };
        let second = rows_of_second_job(&spec, &first, all);
        assert_eq!(ids(&second.spans, "span_id"), ["s3"]);
    }
}
