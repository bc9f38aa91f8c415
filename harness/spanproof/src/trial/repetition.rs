//! Separates the evidence of the jobs of a case that submits its job several times. A unit is one part of
//! a job. Jobs are numbered from 0 here.

use std::collections::HashMap;

use super::recovery::output_between;
use super::span_jobs::SpanJobs;
use super::witness::failures;
use crate::matrix::Case;
use crate::observation::{
    self, JobRun, LineCounts, Observation, Origin, ProcessRun, Row, Rows, SecondJob, TableRows,
    TrialRecord,
};
use crate::spec::Spec;
use spanproof_postgres::LogEntry;

/// The state at the end of one job.
#[derive(Debug)]
pub(super) struct JobRecord {
    /// The rows of all jobs so far.
    pub(super) tables: TableRows,
    /// The submission and the end of this job.
    pub(super) job_run: JobRun,
    /// The number of lines that the service has printed so far.
    pub(super) lines: LineCounts,
    /// The number of entries in the database server's log so far; `None` if it can't be read.
    pub(super) log_length: Option<usize>,
    /// The number of requests that the upstream has got so far.
    pub(super) request_count: usize,
}

/// Returns the observation of the case: the evidence of the first job, with the later jobs as a part of
/// it. `earlier` are the jobs before the last one. `tables`, `log` and `record` are from the end of the
/// trial and contain all jobs.
pub(super) fn separate(
    earlier: &[JobRecord],
    spec: &Spec,
    case: Case,
    (tables, log): (TableRows, Option<&[LogEntry]>),
    record: TrialRecord,
) -> Observation {
    if earlier.is_empty() {
        return Observation { case, tables, origin: Origin::Trial(Box::new(record)) };
    }
    let states: Vec<TableRows> =
        earlier.iter().map(|job| job.tables.clone()).chain([tables]).collect();
    let mut rows = rows_by_job(spec, &states).into_iter();
    let first_rows = rows.next().unwrap_or_else(|| states[0].clone());
    let ends: Vec<Option<usize>> = earlier.iter().map(|job| job.log_length).collect();
    let errors = |job: usize| {
        let start = if job == 0 { 0 } else { ends[job - 1]? };
        let end = ends.get(job).copied().unwrap_or_else(|| log.map(<[LogEntry]>::len))?;
        log?.get(start..end).map(failures)
    };
    let TrialRecord { run, job_run, .. } = &record;
    let output_of = |from: LineCounts, to: Option<LineCounts>| {
        let output = output_between(&run.output, run.startup, from, to);
        ProcessRun { output, ..run.clone() }
    };
    let lines: Vec<LineCounts> = earlier.iter().map(|job| job.lines).collect();
    let runs = earlier.iter().map(|job| job.job_run.clone()).chain([job_run.clone()]);
    let mut runs = runs.collect::<Vec<_>>().into_iter();
    let first_run = runs.next().unwrap_or_default();
    let later = runs.zip(rows).enumerate().map(|(at, (job_run, tables))| {
        let run = output_of(lines[at], lines.get(at + 1).copied());
        SecondJob { run, job_run, tables, server_errors: errors(at + 1) }
    });
    let mut later: Vec<SecondJob> = later.collect();
    let second_job = (!later.is_empty()).then(|| Box::new(later.remove(0)));
    let run = match lines.first() {
        Some(end) => output_of(run.startup, Some(*end)),
        None => run.clone(),
    };
    let (job_run, further_jobs) = (first_run, later);
    // The recorded period is that of the last job, and the number of spans is that of all jobs, so both
    // are dropped.
    let first_errors = errors(0);
    let record = TrialRecord {
        run,
        job_run,
        second_job,
        further_jobs,
        request_counts: earlier.iter().map(|job| job.request_count).collect(),
        period: None,
        spans_before_stop: None,
        most_spans: None,
        server_log_read: first_errors.is_some(),
        server_errors: first_errors.unwrap_or_default(),
        ..record
    };
    Observation { case, tables: first_rows, origin: Origin::Trial(Box::new(record)) }
}

/// Divides the rows by job. `states` are the tables at the end of each job, so each state contains the rows
/// of this job and of all earlier jobs.
fn rows_by_job(spec: &Spec, states: &[TableRows]) -> Vec<TableRows> {
    let mapping = &spec.tables;
    let mut jobs: Vec<TableRows> = Vec::new();
    for (at, state) in states.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| &states[at]);
        let new = |rows: &Rows, before: Option<&Rows>, id: &dyn Fn(&Row) -> Option<String>| {
            before.map_or_else(|| rows.clone(), |before| new_rows(rows, before, id))
        };
        let unit_id = |row: &Row| observation::id_to_compare(row, &mapping.units.id);
        let job_id = |row: &Row| observation::text(row, &mapping.jobs.id);
        jobs.push(TableRows {
            jobs: new(&state.jobs, before.map(|before| &before.jobs), &job_id),
            units: new(&state.units, before.map(|before| &before.units), &unit_id),
            spans: Rows::default(),
        });
    }
    let Some(last) = states.last() else { return jobs };
    let mut jobs_of_unit: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, job) in jobs.iter().enumerate() {
        let id = |row| observation::id_to_compare(row, &mapping.units.id);
        for id in job.units.all().iter().filter_map(id) {
            jobs_of_unit.entry(id).or_default().push(at);
        }
    }
    // A later job may take over the units of an earlier one.
    let only_job = |(id, jobs): (String, Vec<usize>)| match jobs[..] {
        [job] => Some((id, job)),
        _ => None,
    };
    let job_of_unit = jobs_of_unit.into_iter().filter_map(only_job).collect();
    let owners = SpanJobs::new(spec, states, &job_of_unit);
    for (at, job) in jobs.iter_mut().enumerate() {
        job.spans = last.spans.clone().filter(|span| owners.belongs_to(span, at));
    }
    jobs
}

/// Returns the rows with a new id. If there are none, returns the changed rows: a job that is submitted
/// again may update its rows.
fn new_rows(rows: &Rows, before: &Rows, id: &dyn Fn(&Row) -> Option<String>) -> Rows {
    let same_id = |old: &Row, row: &Row| id(row).is_some() && id(old) == id(row);
    let new = rows.clone().difference(before, same_id);
    if new.all().is_empty() { rows.clone().difference(before, Row::eq) } else { new }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::spec::example;

    fn row(value: &serde_json::Value) -> Row {
        value.as_object().unwrap().clone()
    }

    fn state(units: &[&str], spans: &[(&str, Option<&str>, Option<&str>)]) -> TableRows {
        let unit = |id: &&str| row(&json!({"id": id, "status": "success"}));
        let span = |(id, unit, parent): &(&str, Option<&str>, Option<&str>)| {
            row(&json!({"span_id": id, "execution_id": unit, "parent_span_id": parent}))
        };
        TableRows {
            jobs: Rows::default(),
            units: units.iter().map(unit).collect(),
            spans: spans.iter().map(span).collect(),
        }
    }

    fn span_ids(job: &TableRows) -> Vec<String> {
        job.spans.all().iter().map(|span| observation::text(span, "span_id").unwrap()).collect()
    }

    #[test]
    fn a_span_that_is_stored_after_its_job_belongs_to_the_job_of_its_unit() {
        let spec = example(|text| text);
        let late = ("late", Some("1"), None);
        let child = ("child", None, Some("late"));
        let states = [
            state(&["1"], &[("a", Some("1"), None)]),
            state(
                &["1", "2"],
                &[("a", Some("1"), None), ("b", Some("2"), None), ("c", None, None)],
            ),
            state(
                &["1", "2", "3"],
                &[("a", Some("1"), None), ("b", Some("2"), None), ("c", None, None), late, child],
            ),
        ];
        let jobs = rows_by_job(&spec, &states);
        let spans: Vec<_> = jobs.iter().map(span_ids).collect();
        assert_eq!(spans, [&["a", "late", "child"][..], &["b", "c"], &[]]);
        let units: Vec<_> = jobs.iter().map(|job| job.units.all().len()).collect();
        assert_eq!(units, [1, 1, 1]);
    }

    /// Regression test: a span without a unit that was stored after its job was assigned to a later job, so
    /// the spans of its own job referred to a missing parent.
    #[test]
    fn a_span_without_a_unit_belongs_to_the_job_of_its_children_or_else_of_its_trace() {
        let spec = example(|text| text);
        let spans = [
            ("run", None, None),
            ("a", Some("1"), Some("run")),
            ("sibling", None, None),
            ("b", Some("2"), None),
        ];
        let mut states = [
            state(&["1"], &spans[1..2]),
            state(&["1", "2"], &[spans[1], spans[3]]),
            state(&["1", "2"], &spans),
        ];
        for state in &mut states {
            for span in state.spans.found_mut().unwrap() {
                let trace = if span["span_id"] == "b" { "t2" } else { "t1" };
                span.insert("trace_id".into(), json!(trace));
            }
        }
        let jobs = rows_by_job(&spec, &states);
        let spans: Vec<_> = jobs.iter().map(span_ids).collect();
        assert_eq!(spans, [&["run", "a", "sibling"][..], &["b"], &[]]);
    }

    /// Regression test: units below a span that lives as long as the process had a broken tree in all jobs but the last.
    #[test]
    fn a_span_that_ends_with_the_process_belongs_to_each_job_below_it() {
        let spec = example(|text| text);
        let (a, b) = (("a", Some("1"), Some("worker")), ("b", Some("2"), Some("worker")));
        let worker = ("worker", None, None);
        let states = [state(&["1"], &[a]), state(&["1", "2"], &[a, b, worker])];
        let spans: Vec<_> = rows_by_job(&spec, &states).iter().map(span_ids).collect();
        assert_eq!(spans, [["a", "worker"], ["b", "worker"]]);
        let states = [state(&["1"], &[a, worker]), state(&["1", "2"], &[a, worker, b])];
        let spans: Vec<_> = rows_by_job(&spec, &states).iter().map(span_ids).collect();
        assert_eq!(spans, [&["a", "worker"][..], &["b"]], "it had ended before the second job");
    }

    /// Regression test: the spans of the first job counted as those of the second one.
    #[test]
    fn a_later_job_may_take_over_the_units_of_an_earlier_one() {
        let spec = example(|text| text);
        let mut second = state(&["1"], &[("a", Some("1"), None), ("b", Some("1"), None)]);
        second.units.found_mut().unwrap()[0].insert("status".into(), "again".into());
        let first = state(&["1"], &[("a", Some("1"), None)]);
        let jobs = rows_by_job(&spec, &[first, second]);
        assert_eq!(jobs.iter().map(span_ids).collect::<Vec<_>>(), [["a"], ["b"]]);
        assert_eq!(jobs.iter().map(|job| job.units.all().len()).collect::<Vec<_>>(), [1, 1]);
    }

    #[test]
    fn a_job_that_only_updates_rows_has_the_changed_rows() {
        let spec = example(|text| text);
        let mut second = state(&["1", "2"], &[]);
        second.units.found_mut().unwrap()[1].insert("status".into(), "failed".into());
        let jobs = rows_by_job(&spec, &[state(&["1", "2"], &[]), second]);
        assert_eq!(jobs[1].units.all().len(), 1);
    }

    #[test]
    fn a_cycle_of_parents_does_not_cause_an_endless_loop() {
        let spec = example(|text| text);
        let cycle = [("a", None, Some("b")), ("b", None, Some("a"))];
        let jobs = rows_by_job(&spec, &[state(&[], &cycle)]);
        assert_eq!(span_ids(&jobs[0]), ["a", "b"]);
    }
}
