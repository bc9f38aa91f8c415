//! What an existing system tells, job by job where that is possible.

use std::collections::BTreeMap;

use super::judge::judge;
use super::judgement::Judgement;
use super::reason::weigh;
use crate::observation::{Job, Observation, Row, Unit};
use crate::spec::Spec;
use spanproof_format::{Code, Diagnosis, JobDiagnosis, JobSummary};

/// What is known of each job, and the verdicts on them.
struct DiagnosedJobs {
    /// Each job, in the order of its rows.
    jobs: Vec<JobSummary>,
    /// The verdicts, each on all jobs that it is about.
    diagnoses: Vec<JobDiagnosis>,
}

/// One job that was judged by the part of the observation that is about it.
struct JudgedJob<'a> {
    row: &'a Row,
    observation: Observation,
    judgement: Judgement,
}

/// Judges every job, and those with the same code together; one verdict is on all of them if the log
/// can't tell the jobs apart.
pub fn diagnose(spec: &Spec, observation: &Observation) -> Diagnosis {
    let DiagnosedJobs { jobs, diagnoses } = diagnosed_jobs(spec, observation);
    let sources = observation.sources();
    let mut diagnosis = Diagnosis::new(sources, jobs, diagnoses);
    diagnosis.unit_table.clone_from(&spec.tables.units.table);
    diagnosis.tracing_flag = spec.tracing_flag().map(|flag| flag.name.clone());
    diagnosis
}

fn diagnosed_jobs(spec: &Spec, observation: &Observation) -> DiagnosedJobs {
    if observation.tables.jobs.all().len() > 1 && observation.has_timestamps(spec) {
        diagnose_each(spec, observation)
    } else {
        diagnose_whole(spec, observation)
    }
}

fn diagnose_whole(spec: &Spec, observation: &Observation) -> DiagnosedJobs {
    let judgement = judge(spec, observation);
    let rows = observation.tables.jobs.all();
    let seen = |row: &Row| {
        let part = observation.for_jobs(spec, &[row]);
        job_seen(spec, row, &part, judgement.code())
    };
    let jobs: Vec<_> = rows.iter().map(seen).collect();
    let ids = jobs.iter().map(|job| job.id.clone()).collect();
    let reasons = weigh(spec, observation, &judgement);
    let diagnoses = vec![JobDiagnosis::new(ids, (&judgement).into(), reasons)];
    DiagnosedJobs { jobs, diagnoses }
}

fn diagnose_each(spec: &Spec, observation: &Observation) -> DiagnosedJobs {
    let judged = observation.tables.jobs.all().iter().map(|row| {
        let part = observation.for_jobs(spec, &[row]);
        JudgedJob { row, judgement: judge(spec, &part), observation: part }
    });
    let judged: Vec<JudgedJob<'_>> = judged.collect();
    let mut groups: BTreeMap<Option<Code>, Vec<&JudgedJob<'_>>> = BTreeMap::new();
    for job in &judged {
        groups.entry(job.judgement.code()).or_default().push(job);
    }
    let seen =
        |job: &JudgedJob<'_>| job_seen(spec, job.row, &job.observation, job.judgement.code());
    let diagnoses = groups.values().map(|members| diagnose_group(spec, observation, members));
    DiagnosedJobs { jobs: judged.iter().map(seen).collect(), diagnoses: diagnoses.collect() }
}

/// The diagnosis of jobs with the same code: one alone was judged already, several are judged
/// together.
fn diagnose_group(
    spec: &Spec,
    observation: &Observation,
    members: &[&JudgedJob<'_>],
) -> JobDiagnosis {
    let id = |job: &&JudgedJob<'_>| Job::from_row(&spec.tables, job.row).id.unwrap_or_default();
    let jobs = members.iter().map(id).collect();
    if let [JudgedJob { observation, judgement, .. }] = members {
        let reasons = weigh(spec, observation, judgement);
        return JobDiagnosis::new(jobs, judgement.into(), reasons);
    }
    let rows: Vec<_> = members.iter().map(|job| job.row).collect();
    let is_all = rows.len() == observation.tables.jobs.all().len();
    let part = if is_all { observation.clone() } else { observation.for_jobs(spec, &rows) };
    let judgement = judge(spec, &part);
    let reasons = weigh(spec, &part, &judgement);
    JobDiagnosis::new(jobs, (&judgement).into(), reasons)
}

fn job_seen(spec: &Spec, row: &Row, part: &Observation, code: Option<Code>) -> JobSummary {
    let (job, tables) = (Job::from_row(&spec.tables, row), &part.tables);
    let mut units = BTreeMap::new();
    for unit in Unit::from_rows(&spec.tables, tables.units.all()) {
        *units.entry(unit.status.unwrap_or_else(|| "null".into())).or_default() += 1;
    }
    let status = job.status.unwrap_or_else(|| "null".into());
    let mut seen = JobSummary::new(job.id.unwrap_or_default(), status);
    (seen.name, seen.route) = (job.name, job.route);
    (seen.units, seen.spans, seen.code) = (units, tables.spans.all().len(), code);
    seen
}
