//! What a system that was already there tells, job by job where that is possible.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::code::Code;
use super::judge::judge;
use super::judgement::Judgement;
use super::reason::{Reason, weigh};
use crate::matrix::Case;
use crate::observation::{
    Deployment, Job, Log, LogLine, Neighbour, Observation, Origin, Owner, Row, Rows, Span, Tables,
    Unit,
};
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

/// One job with the part of the observation that is about it.
struct Part {
    job: Job,
    observation: Observation,
    /// Its own judgement; `None` if the log can't tell the jobs apart.
    judgement: Option<Judgement>,
}

/// Judges every job, and those with the same code together.
pub fn diagnose(spec: &Spec, observation: &Observation) -> (Vec<JobSeen>, Vec<Diagnosis>) {
    let rows = observation.tables.jobs.all();
    let apart = rows.len() > 1 && separable(spec, observation);
    // One job, or jobs that can't be told apart, are judged as a whole.
    let shared = if apart { None } else { Some(judge(spec, observation)) };
    let parts: Vec<Part> = rows
        .iter()
        .map(|row| {
            let part = of_jobs(spec, observation, &[row]);
            let judgement = apart.then(|| judge(spec, &part));
            Part { job: Job::from_row(&spec.tables, row), observation: part, judgement }
        })
        .collect();
    let mut groups: BTreeMap<Option<Code>, Vec<usize>> = BTreeMap::new();
    for (at, part) in parts.iter().enumerate() {
        let code = part.judgement.as_ref().or(shared.as_ref()).and_then(Judgement::code);
        groups.entry(code).or_default().push(at);
    }
    let seen = parts.iter().map(|part| {
        let code = part.judgement.as_ref().or(shared.as_ref()).and_then(Judgement::code);
        job_seen(spec, part, code)
    });
    let seen = seen.collect();
    let Some(shared) = shared else {
        let all = groups.into_values().map(|members| grouped(spec, observation, &parts, &members));
        return (seen, all.collect());
    };
    let jobs = parts.iter().map(|part| part.job.id.clone().unwrap_or_default()).collect();
    let reasons = weigh(spec, observation, &shared);
    (seen, vec![Diagnosis { jobs, judgement: shared, reasons }])
}

/// The diagnosis of jobs with the same code: one alone was judged already, several are judged
/// together.
fn grouped(spec: &Spec, observation: &Observation, parts: &[Part], members: &[usize]) -> Diagnosis {
    let jobs = members.iter().map(|at| parts[*at].job.id.clone().unwrap_or_default()).collect();
    let together = match members {
        [_] => None,
        _ if members.len() == parts.len() => Some(observation.clone()),
        _ => {
            let rows = observation.tables.jobs.all();
            let rows: Vec<_> = members.iter().map(|at| &rows[*at]).collect();
            Some(of_jobs(spec, observation, &rows))
        }
    };
    let alone = &parts[members[0]];
    let (judgement, part) = match (&together, &alone.judgement) {
        (None, Some(judgement)) => (judgement.clone(), &alone.observation),
        (None, None) => (judge(spec, &alone.observation), &alone.observation),
        (Some(together), _) => (judge(spec, together), together),
    };
    let reasons = weigh(spec, part, &judgement);
    Diagnosis { jobs, judgement, reasons }
}

fn job_seen(spec: &Spec, part: &Part, code: Option<Code>) -> JobSeen {
    let (job, tables) = (part.job.clone(), &part.observation.tables);
    let mut units = BTreeMap::new();
    for unit in Unit::from_rows(&spec.tables, tables.units.all()) {
        *units.entry(unit.status.unwrap_or_else(|| "null".into())).or_default() += 1;
    }
    JobSeen {
        id: job.id.unwrap_or_default(),
        name: job.name,
        route: job.route,
        status: job.status.unwrap_or_else(|| "null".into()),
        units,
        spans: tables.spans.all().len(),
        code,
    }
}

/// Whether the lines of the log can be told apart by job: they have times, or there are none.
fn separable(spec: &Spec, observation: &Observation) -> bool {
    let about_spans =
        observation.lines().into_iter().filter(|line| spec.probes.banner(line.text).is_none());
    about_spans.into_iter().all(|line| line.at.is_some())
}

/// The part of an observation that is about some jobs: their units and spans, and the lines of the
/// time they were there. Spans that name neither unit nor job count where they fit in time.
fn of_jobs(spec: &Spec, observation: &Observation, jobs: &[&Row]) -> Observation {
    let all = &observation.tables;
    let meant: Vec<_> = jobs.iter().map(|row| Job::from_row(&spec.tables, row)).collect();
    let ids: Vec<_> = meant.iter().filter_map(|job| job.id.clone()).collect();
    let is_own =
        |row: &Row| Unit::from_row(&spec.tables, row).job.is_some_and(|job| ids.contains(&job));
    let own_units = all.units.clone().filtered(is_own);
    let units = Unit::from_rows(&spec.tables, own_units.all());
    let unit_ids: Vec<_> = units.iter().filter_map(|unit| unit.id.clone()).collect();
    let window = window(spec, &meant, &units);
    let mut others = Vec::new();
    let own_spans = all.spans.clone().filtered(|row| {
        let span = Span::from_row(&spec.tables.spans, row);
        let named = Owner::from_row(&spec.tables, row).is_among(&unit_ids, &ids);
        let own = named.unwrap_or_else(|| holds(window, span.start()));
        if !own {
            others.push(span);
        }
        own
    });
    let route = meant.iter().find_map(|job| job.route.clone());
    let case = Case { route: route.unwrap_or_default(), ..observation.case.clone() };
    let jobs = Rows::Found(jobs.iter().map(|row| (*row).clone()).collect());
    let tables = Tables { jobs, units: own_units, spans: own_spans };
    let origin = match &observation.origin {
        Origin::Deployment(deployment) => {
            Origin::Deployment(Box::new(within(spec, deployment, window, &others)))
        }
        trial @ Origin::Trial(_) => trial.clone(),
    };
    Observation { case, tables, origin }
}

/// What is known of a system in a window of time. `others` are spans of other jobs.
fn within(spec: &Spec, deployment: &Deployment, window: Window, others: &[Span]) -> Deployment {
    let mut part = deployment.clone();
    if let Some(Log { lines, .. }) = &mut part.log {
        lines.retain(|line: &LogLine| match spec.probes.banner(&line.text) {
            // The last start before the end of the work is the one that counts.
            Some(_) => line.at.is_none_or(|at| window.is_none_or(|(_, end)| at <= end)),
            None => holds(window, line.at),
        });
    }
    part.neighbours.extend(others.iter().filter_map(|span| {
        Some(Neighbour { started: span.start()?, operation: span.name.clone()? })
    }));
    part.neighbours.retain(|other| holds(window, Some(other.started)));
    part
}

type Window = Option<(DateTime<Utc>, DateTime<Utc>)>;

fn holds(window: Window, at: Option<DateTime<Utc>>) -> bool {
    match (window, at) {
        (Some((begin, end)), Some(at)) => at >= begin && at <= end,
        _ => true,
    }
}

/// From the submission to the end of the last unit, and as long after it as a span may take.
fn window(spec: &Spec, jobs: &[Job], units: &[Unit]) -> Window {
    let flush = i64::try_from(spec.service.flush_ms).unwrap_or(5_000);
    let begun = jobs.iter().filter_map(|job| job.created);
    let started = units.iter().filter_map(|unit| unit.started);
    let ended = units.iter().filter_map(|unit| unit.ended);
    // Clocks of two machines are not one: a second of grace.
    let begin = begun.chain(started).min()? - chrono::Duration::seconds(1);
    Some((begin, ended.max()? + chrono::Duration::milliseconds(flush)))
}
