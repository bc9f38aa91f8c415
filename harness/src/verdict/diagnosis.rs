//! What a system that was already there tells, job by job where that is possible.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::judge::{Judgement, judge};
use super::{Code, reason};
use crate::evidence::{Evidence, Neighbour, Row, Rows, text, time};
use crate::process::Output;
use crate::spec::Spec;

/// What is known of one job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobSeen {
    /// Its id.
    pub id: String,
    /// The name that a submitter knows it by.
    pub name: Option<String>,
    /// The route it came in by.
    pub route: Option<String>,
    /// Its status.
    pub status: String,
    /// Its units, by status.
    pub units: BTreeMap<String, usize>,
    /// How many spans it has.
    pub spans: usize,
    /// Its verdict; shared by all jobs where the log can't tell them apart.
    pub code: Option<Code>,
}

/// Something that speaks for or against a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Whether it speaks for it.
    pub supports: bool,
    /// What it is.
    pub text: String,
}

/// One verdict, with the jobs it is about and what speaks for and against it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// The ids of the jobs; empty where no database was given.
    pub jobs: Vec<String>,
    /// The verdict on all of them together.
    pub judgement: Judgement,
    /// Why, and why perhaps not.
    pub reasons: Vec<Reason>,
}

/// Judges every job, and those with the same code together once more.
pub fn diagnose(spec: &Spec, evidence: &Evidence) -> (Vec<JobSeen>, Vec<Diagnosis>) {
    let jobs = evidence.jobs.all();
    let apart = jobs.len() > 1 && separable(spec, evidence);
    let shared = judge(spec, evidence);
    let mut seen = Vec::new();
    let mut groups: BTreeMap<Option<Code>, Vec<String>> = BTreeMap::new();
    for row in jobs {
        let own = of_jobs(spec, evidence, &[row]);
        let code = if apart { judge(spec, &own).code() } else { shared.code() };
        let job = job_seen(spec, row, &own, code);
        groups.entry(code).or_default().push(job.id.clone());
        seen.push(job);
    }
    if jobs.is_empty() {
        groups.insert(shared.code(), Vec::new());
    }
    let one = groups.len() == 1;
    let diagnoses = groups.into_values().map(|ids| {
        let meant =
            |row: &&Row| text(row, &spec.tables.jobs.id).is_some_and(|id| ids.contains(&id));
        let rows: Vec<_> = jobs.iter().filter(meant).collect();
        // One group is everything, which was judged already.
        let part = (!one).then(|| of_jobs(spec, evidence, &rows));
        let judgement = part.as_ref().map_or_else(|| shared.clone(), |part| judge(spec, part));
        let reasons = reason::weigh(spec, part.as_ref().unwrap_or(evidence), &judgement);
        Diagnosis { jobs: ids, judgement, reasons }
    });
    (seen, diagnoses.collect())
}

fn job_seen(spec: &Spec, row: &Row, own: &Evidence, code: Option<Code>) -> JobSeen {
    let columns = &spec.tables.jobs;
    let mut units = BTreeMap::new();
    for unit in own.units.all() {
        let status = text(unit, &spec.tables.units.status).unwrap_or_else(|| "null".into());
        *units.entry(status).or_default() += 1;
    }
    JobSeen {
        id: text(row, &columns.id).unwrap_or_default(),
        name: text(row, &columns.name),
        route: text(row, &columns.route),
        status: text(row, &columns.status).unwrap_or_else(|| "null".into()),
        units,
        spans: own.spans.all().len(),
        code,
    }
}

/// Whether the lines of the log can be told apart by job: they have times, or there are none.
fn separable(spec: &Spec, evidence: &Evidence) -> bool {
    let about_spans =
        evidence.output.lines.iter().filter(|line| spec.probes.banner(&line.text).is_none());
    about_spans.into_iter().all(|line| line.at_ms > 0)
}

/// The part of evidence that is about some jobs: their units and spans, and the lines of the time
/// they were there. Spans that name neither unit nor job count where they fit in time.
fn of_jobs(spec: &Spec, evidence: &Evidence, jobs: &[&Row]) -> Evidence {
    let (units, spans) = (&spec.tables.units, &spec.tables.spans);
    let ids: Vec<_> = jobs.iter().filter_map(|row| text(row, &spec.tables.jobs.id)).collect();
    let named =
        |row: &Row, column: &str, ids: &[String]| text(row, column).map(|id| ids.contains(&id));
    let own_units = filtered(&evidence.units, |row| named(row, &units.job, &ids) == Some(true));
    let unit_ids: Vec<_> = own_units.all().iter().filter_map(|row| text(row, &units.id)).collect();
    let window = window(spec, jobs, own_units.all());
    let own_spans = filtered(&evidence.spans, |row| {
        let by_unit = named(row, &spans.unit, &unit_ids);
        let by_job = named(row, spec.tables.span_job(), &ids);
        by_unit.or(by_job).unwrap_or_else(|| holds(window, time(row, &spans.started)))
    });
    let lines = evidence.output.lines.iter().filter(|line| {
        let at = i64::try_from(line.at_ms).ok().filter(|ms| *ms > 0);
        let at = at.and_then(DateTime::from_timestamp_millis);
        match spec.probes.banner(&line.text) {
            // The last start before the end of the work is the one that counts.
            Some(_) => at.is_none_or(|at| window.is_none_or(|(_, end)| at <= end)),
            None => holds(window, at),
        }
    });
    let output = Output { lines: lines.cloned().collect(), ..evidence.output };
    let mut deployment = evidence.deployment.clone();
    if let Some(deployment) = &mut deployment {
        let others = evidence.spans.all().iter().filter(|row| !own_spans.all().contains(row));
        let others = others.filter_map(|row| {
            let (started, operation) = (time(row, &spans.started)?, text(row, &spans.operation)?);
            Some(Neighbour { started, operation })
        });
        deployment.neighbours.extend(others);
        deployment.neighbours.retain(|other| holds(window, Some(other.started)));
    }
    let jobs = Rows::Found(jobs.iter().map(|row| (*row).clone()).collect());
    let route = jobs.all().iter().find_map(|row| text(row, &spec.tables.jobs.route));
    let case = crate::matrix::Case { route: route.unwrap_or_default(), ..evidence.case.clone() };
    let (units, spans) = (own_units, own_spans);
    Evidence { case, output, jobs, units, spans, deployment, ..evidence.clone() }
}

fn filtered(rows: &Rows, keep: impl Fn(&Row) -> bool) -> Rows {
    match rows {
        Rows::Found(rows) => Rows::Found(rows.iter().filter(|row| keep(row)).cloned().collect()),
        unreadable @ Rows::Unreadable(_) => unreadable.clone(),
    }
}

type Window = Option<(DateTime<Utc>, DateTime<Utc>)>;

fn holds(window: Window, at: Option<DateTime<Utc>>) -> bool {
    match (window, at) {
        (Some((begin, end)), Some(at)) => at >= begin && at <= end,
        _ => true,
    }
}

/// From the submission to the end of the last unit, and as long after it as a span may take.
fn window(spec: &Spec, jobs: &[&Row], units: &[Row]) -> Window {
    let (tables, flush) = (&spec.tables, i64::try_from(spec.service.flush_ms).unwrap_or(5_000));
    let begun = jobs.iter().filter_map(|row| time(row, &tables.jobs.created));
    let started = units.iter().filter_map(|row| time(row, &tables.units.started));
    let ended = units.iter().filter_map(|row| time(row, &tables.units.completed));
    // Clocks of two machines are not one: a second of grace.
    let begin = begun.chain(started).min()? - chrono::Duration::seconds(1);
    Some((begin, ended.max()? + chrono::Duration::milliseconds(flush)))
}
