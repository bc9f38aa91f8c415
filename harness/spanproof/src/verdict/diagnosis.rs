//! Diagnoses an existing system from its database and log: one verdict for each group of jobs that
//! fail for the same reason, or one verdict for all jobs if the log has no timestamps.

use std::collections::BTreeMap;

use super::judge::judge;
use super::judgement::Judgement;
use super::reason::weigh;
use crate::observation::{Job, Observation, Row, Unit};
use crate::spec::Spec;
use spanproof_format::{Code, Diagnosis, JobDiagnosis, JobSummary};

/// The jobs of a system, and the verdicts on them.
struct DiagnosedJobs {
    /// Each job, in the order of the rows.
    jobs: Vec<JobSummary>,
    /// The verdicts, each with the ids of its jobs.
    diagnoses: Vec<JobDiagnosis>,
}

/// One job, judged by itself.
struct JudgedJob<'a> {
    row: &'a Row,
    /// The rows and lines that belong to this job.
    observation: Observation,
    judgement: Judgement,
}

/// Judges every job of an existing system. Jobs with the same code get one verdict. All jobs get one
/// verdict if timestamps are lacking, which show to which job a log line belongs.
pub fn diagnose(spec: &Spec, observation: &Observation) -> Diagnosis {
    let DiagnosedJobs { jobs, diagnoses } = diagnose_jobs(spec, observation);
    let sources = observation.sources();
    let mut diagnosis = Diagnosis::new(sources, jobs, diagnoses);
    diagnosis.unit_table.clone_from(&spec.tables.units.table);
    diagnosis.tracing_flag = spec.tracing_flag().map(|flag| flag.name.clone());
    diagnosis
}

fn diagnose_jobs(spec: &Spec, observation: &Observation) -> DiagnosedJobs {
    if observation.tables.jobs.all().len() > 1 && observation.has_timestamps(spec) {
        diagnose_each(spec, observation)
    } else {
        diagnose_together(spec, observation)
    }
}

/// Judges all jobs together, except that jobs without any unit are judged apart: the units of other jobs say
/// nothing about them.
fn diagnose_together(spec: &Spec, observation: &Observation) -> DiagnosedJobs {
    let rows = observation.tables.jobs.all();
    let parts: Vec<(&Row, Observation)> =
        rows.iter().map(|row| (row, observation.for_jobs(spec, &[row]))).collect();
    let has_units = |(_, part): &&(&Row, Observation)| !part.tables.units.all().is_empty();
    let (with_units, without): (Vec<_>, Vec<_>) = parts.iter().partition(has_units);
    let groups = match (with_units.is_empty(), without.is_empty()) {
        (false, false) => vec![with_units, without],
        _ => vec![parts.iter().collect()],
    };
    let is_all = groups.len() == 1;
    let mut found = DiagnosedJobs { jobs: Vec::new(), diagnoses: Vec::new() };
    for group in groups {
        let rows: Vec<&Row> = group.iter().map(|(row, _)| *row).collect();
        let part = if is_all { observation.clone() } else { observation.for_jobs(spec, &rows) };
        let judgement = judge(spec, &part);
        let code = judgement.code();
        let jobs: Vec<_> =
            group.iter().map(|(row, of_job)| summary(spec, row, of_job, code)).collect();
        let ids = jobs.iter().map(|job| job.id.clone()).collect();
        let reasons = weigh(spec, &part, &judgement);
        found.diagnoses.push(JobDiagnosis::new(ids, (&judgement).into(), reasons));
        found.jobs.extend(jobs);
    }
    let order = |job: &JobSummary| {
        rows.iter().position(|row| Job::from_row(&spec.tables, row).id.as_ref() == Some(&job.id))
    };
    found.jobs.sort_by_key(order);
    found
}

fn diagnose_each(spec: &Spec, observation: &Observation) -> DiagnosedJobs {
    let judged = observation.tables.jobs.all().iter().map(|row| {
        let of_job = observation.for_jobs(spec, &[row]);
        JudgedJob { row, judgement: judge(spec, &of_job), observation: of_job }
    });
    let judged: Vec<JudgedJob<'_>> = judged.collect();
    let mut groups: BTreeMap<Option<Code>, Vec<&JudgedJob<'_>>> = BTreeMap::new();
    for job in &judged {
        groups.entry(job.judgement.code()).or_default().push(job);
    }
    let mut codes: BTreeMap<String, Option<Code>> = BTreeMap::new();
    let mut diagnoses = Vec::new();
    for jobs in groups.values() {
        let (diagnosis, code) = diagnose_group(spec, observation, jobs);
        codes.extend(diagnosis.jobs.iter().map(|id| (id.clone(), code)));
        diagnoses.push(diagnosis);
    }
    // The verdict on the group counts for each of its jobs, so the table never contradicts it.
    let summarize = |job: &JudgedJob<'_>| {
        let id = Job::from_row(&spec.tables, job.row).id.unwrap_or_default();
        let own = job.judgement.code();
        summary(spec, job.row, &job.observation, codes.get(&id).copied().unwrap_or(own))
    };
    DiagnosedJobs { jobs: judged.iter().map(summarize).collect(), diagnoses }
}

/// The diagnosis of jobs with the same code, and its code. Several jobs are judged again, together.
fn diagnose_group(
    spec: &Spec,
    all_jobs: &Observation,
    group: &[&JudgedJob<'_>],
) -> (JobDiagnosis, Option<Code>) {
    let id = |job: &&JudgedJob<'_>| Job::from_row(&spec.tables, job.row).id.unwrap_or_default();
    let ids = group.iter().map(id).collect();
    if let [JudgedJob { observation, judgement, .. }] = group {
        let reasons = weigh(spec, observation, judgement);
        return (JobDiagnosis::new(ids, judgement.into(), reasons), judgement.code());
    }
    let rows: Vec<_> = group.iter().map(|job| job.row).collect();
    let has_all = rows.len() == all_jobs.tables.jobs.all().len();
    let observation = if has_all { all_jobs.clone() } else { all_jobs.for_jobs(spec, &rows) };
    let judgement = judge(spec, &observation);
    let reasons = weigh(spec, &observation, &judgement);
    (JobDiagnosis::new(ids, (&judgement).into(), reasons), judgement.code())
}

/// Summarizes one job. `of_job` contains the rows and lines of this job only.
fn summary(spec: &Spec, row: &Row, of_job: &Observation, code: Option<Code>) -> JobSummary {
    let (job, tables) = (Job::from_row(&spec.tables, row), &of_job.tables);
    let mut units_by_status = BTreeMap::new();
    for unit in Unit::from_rows(&spec.tables, tables.units.all()) {
        *units_by_status.entry(unit.status.unwrap_or_else(|| "null".into())).or_default() += 1;
    }
    let status = job.status.unwrap_or_else(|| "null".into());
    let mut summary = JobSummary::new(job.id.unwrap_or_default(), status);
    (summary.name, summary.route) = (job.name, job.route);
    (summary.units, summary.code) = (units_by_status, code);
    summary.spans = tables.spans.all().len();
    summary
}
