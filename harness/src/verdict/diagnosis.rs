//! What a system that was already there tells, job by job where that is possible.

use std::collections::BTreeMap;

use serde::Serialize;

use super::code::Code;
use super::judge::judge;
use super::judgement::Judgement;
use super::reason::{Reason, weigh};
use crate::observation::{Job, Observation, Unit};
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
    let apart = rows.len() > 1 && observation.has_dated_lines(spec);
    // One job, or jobs that can't be told apart, are judged as a whole.
    let shared = if apart { None } else { Some(judge(spec, observation)) };
    let parts: Vec<Part> = rows
        .iter()
        .map(|row| {
            let part = observation.of_jobs(spec, &[row]);
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
            Some(observation.of_jobs(spec, &rows))
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
