//! Diagnoses an existing system from its database and log: one verdict for each group of jobs that
//! fail for the same reasons, or one verdict for all jobs if the log has no timestamps.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::judge::judge;
use super::judgement::Judgement;
use super::reason::weigh;
use crate::observation::{Job, Observation, Row, Rows, Unit};
use crate::spec::Spec;
use spanproof_format::{Code, Confidence, Diagnosis, JobDiagnosis, JobSummary};

/// The jobs of a system, and the verdicts on them.
struct DiagnosedJobs {
    /// Each job, in the order of the rows.
    jobs: Vec<JobSummary>,
    /// The verdicts, each with the ids of its jobs.
    diagnoses: Vec<JobDiagnosis>,
}

/// One job, with its own judgement.
struct JudgedJob<'a> {
    row: &'a Row,
    /// The rows and lines that belong to this job.
    observation: Observation,
    judgement: Judgement,
}

/// Judges every job of an existing system. Jobs with the same reasons get one verdict. Without
/// timestamps, which show to which job a log line belongs, all jobs get one verdict.
pub fn diagnose(spec: &Spec, observation: &Observation) -> Diagnosis {
    let DiagnosedJobs { jobs, diagnoses } = diagnose_jobs(spec, observation);
    let sources = observation.sources();
    let mut diagnosis = Diagnosis::new(sources, jobs, diagnoses);
    diagnosis.unit_table.clone_from(&spec.tables.units.table);
    diagnosis.tracing_flag = spec.tracing_flag().map(|flag| flag.name.clone());
    diagnosis
}

fn diagnose_jobs(spec: &Spec, observation: &Observation) -> DiagnosedJobs {
    if !observation.tables.jobs.all().is_empty() && observation.has_timestamps(spec) {
        diagnose_each(spec, observation)
    } else {
        diagnose_together(spec, observation)
    }
}

/// Judges all jobs that have units together, and all jobs without units together: units of one group say
/// nothing about the jobs of the other.
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
    let mut diagnosed = DiagnosedJobs { jobs: Vec::new(), diagnoses: Vec::new() };
    for group in groups {
        let rows: Vec<&Row> = group.iter().map(|(row, _)| *row).collect();
        let part = if is_all { observation.clone() } else { observation.for_jobs(spec, &rows) };
        let judgement = judge(spec, &part);
        let code = judgement.code();
        let jobs: Vec<_> =
            group.iter().map(|(row, of_job)| summary(spec, row, of_job, code)).collect();
        let ids = jobs.iter().map(|job| job.id.clone()).collect();
        let reasons = weigh(spec, &part, &judgement);
        diagnosed.diagnoses.push(JobDiagnosis::new(ids, (&judgement).into(), reasons));
        diagnosed.jobs.extend(jobs);
    }
    let order = |job: &JobSummary| {
        rows.iter().position(|row| Job::from_row(&spec.tables, row).id.as_ref() == Some(&job.id))
    };
    diagnosed.jobs.sort_by_key(order);
    diagnosed
}

/// Judges each job on its own, and jobs that ran at the same time also together. Jobs with the same causes
/// get one diagnosis.
fn diagnose_each(spec: &Spec, observation: &Observation) -> DiagnosedJobs {
    let rows = observation.tables.jobs.all();
    let doubt =
        rows.iter().find_map(|row| doubt_about_log(spec, row, &observation.for_jobs(spec, &[row])));
    let observation = &observation.with_doubt(doubt);
    let judged = observation.tables.jobs.all().iter().map(|row| {
        let of_job = observation.for_jobs(spec, &[row]);
        JudgedJob { row, judgement: judge(spec, &of_job), observation: of_job }
    });
    let mut judged: Vec<JudgedJob<'_>> = judged.collect();
    judge_simultaneous(spec, observation, &mut judged);
    let mut groups: BTreeMap<Causes, Vec<&JudgedJob<'_>>> = BTreeMap::new();
    for job in &judged {
        groups.entry(causes(&job.judgement)).or_default().push(job);
    }
    let diagnoses =
        groups.values().flat_map(|group| diagnose_group(spec, observation, group)).collect();
    let summarize =
        |job: &JudgedJob<'_>| summary(spec, job.row, &job.observation, job.judgement.code());
    DiagnosedJobs { jobs: judged.iter().map(summarize).collect(), diagnoses }
}

/// Judges jobs together that ran at the same time and lack spans, because a log line may belong to any of
/// them. If the joint judgement has different causes from a job's own judgement, it replaces the job's own
/// judgement.
fn judge_simultaneous(spec: &Spec, all_jobs: &Observation, judged: &mut [JudgedJob<'_>]) {
    let lacks_spans =
        |job: &&mut JudgedJob<'_>| job.judgement.funnel.stored < job.judgement.funnel.executed;
    let mut lacking: Vec<_> = judged.iter_mut().filter(lacks_spans).collect();
    let rows: Vec<_> = lacking.iter().map(|job| job.row).collect();
    let mut together: BTreeMap<Vec<usize>, Judgement> = BTreeMap::new();
    let simultaneous = all_jobs.simultaneous_jobs(spec, &rows);
    for (job, group) in lacking.iter_mut().zip(simultaneous).filter(|(_, group)| group.len() > 1) {
        let judgement = together.entry(group).or_insert_with_key(|group| {
            let rows: Vec<_> = group.iter().map(|index| rows[*index]).collect();
            judge(spec, &all_jobs.for_jobs(spec, &rows))
        });
        if causes(judgement) != causes(&job.judgement) {
            job.judgement = judgement.clone();
        }
    }
}

/// Returns a reason for doubt if the log covers the time of a job that has spans, and has no line about their
/// start: then a line that is missing for another job proves nothing. `None` otherwise.
fn doubt_about_log(spec: &Spec, row: &Row, of_job: &Observation) -> Option<String> {
    let log = &of_job.deployment()?.log.as_ref()?.facts;
    let units = Unit::from_rows(&spec.tables, of_job.tables.units.all());
    let times = || units.iter().flat_map(|unit| [unit.started, unit.ended]).flatten();
    let is_covered = log.first? <= times().min()? && log.last? >= times().max()?;
    let is_silent = !of_job.lines().iter().any(|line| spec.probes.is_begin_line(line.text));
    let has_spans = !of_job.tables.spans.all().is_empty();
    let id = Job::from_row(&spec.tables, row).id.unwrap_or_default();
    (spec.probes.has_attempt() && is_covered && is_silent && has_spans).then(|| {
        format!("job {id} has spans, and the log has no line about their start: such lines may be switched off")
    })
}

/// What is known about the reasons why a job failed: each finding's code, confidence and possible codes.
type Causes = Vec<(Code, Confidence, Vec<Code>)>;

fn causes(judgement: &Judgement) -> Causes {
    judgement.findings().iter().map(Finding::causes).collect()
}

/// Diagnoses jobs with the same causes. Judges them again, together: if the joint judgement has the same
/// causes, too, returns one diagnosis for all jobs, otherwise one for each job.
fn diagnose_group(
    spec: &Spec,
    all_jobs: &Observation,
    group: &[&JudgedJob<'_>],
) -> Vec<JobDiagnosis> {
    let id = |job: &JudgedJob<'_>| Job::from_row(&spec.tables, job.row).id.unwrap_or_default();
    let diagnosis = |ids: Vec<String>, observation: &Observation, judgement: &Judgement| {
        JobDiagnosis::new(ids, judgement.into(), weigh(spec, observation, judgement))
    };
    if group.len() > 1 {
        let rows: Vec<_> = group.iter().map(|job| job.row).collect();
        let together = all_jobs.for_jobs(spec, &rows);
        let judgement = judge(spec, &together);
        if causes(&judgement) == causes(&group[0].judgement) {
            let ids = group.iter().map(|job| id(job)).collect();
            return vec![diagnosis(ids, &together, &judgement)];
        }
    }
    let each = group.iter().map(|job| diagnosis(vec![id(job)], &job.observation, &job.judgement));
    each.collect()
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
    summary.spans_unknown = matches!(tables.spans, Rows::Unreadable(_));
    summary
}
