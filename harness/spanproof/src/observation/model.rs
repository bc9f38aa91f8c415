//! An observation: the evidence of one trial (one run of the service by spanproof) or of an existing
//! system. A unit of work is one part of a job and should leave spans.

use std::collections::BTreeSet;

use super::{
    Deployment, Line, Location, Repetition, SecondJob, SpanRows, SpanSource, TableRows, TrialRecord,
};
use crate::matrix::Case;
use crate::process::{Output, Stream};
use crate::spec::Spec;
use spanproof_format::JobTimes;

/// The evidence of one or more jobs: the rows of jobs, units of work and spans, and further evidence
/// that depends on the origin.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The case: flag values, route, upstream behaviour, job and fault. For an existing system only
    /// the flag values and the route are known, if at all.
    pub case: Case,
    /// The rows of jobs, units of work and spans.
    pub tables: TableRows,
    /// Where the evidence comes from.
    pub origin: Origin,
}

/// Where an observation comes from, with the evidence that only this origin has.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// A trial: spanproof started the process, the upstream and the database server.
    Trial(Box<TrialRecord>),
    /// An existing system: a live database or a dump, and its log.
    Deployment(Box<Deployment>),
}

impl Observation {
    /// Returns the evidence that only a trial has; `None` for an existing system.
    pub fn trial(&self) -> Option<&TrialRecord> {
        match &self.origin {
            Origin::Trial(trial) => Some(trial),
            Origin::Deployment(_) => None,
        }
    }

    /// Returns the keys of the units that ended differently when the case ran again; `None` if the case ran
    /// only once. A unit's key is the text of its key columns.
    pub(crate) fn variations(&self) -> Option<&BTreeSet<String>> {
        self.trial()?.variations.as_ref()
    }

    /// Returns the milliseconds from the submission of the job to its end; `None` if it did not end, and
    /// for an existing system.
    pub(crate) fn job_ms(&self) -> Option<u64> {
        let trial = self.trial()?;
        trial.job_run.settled.as_ref().filter(|settled| settled.is_reached())?;
        let step = |name: &str| trial.timings.get(name).copied();
        Some(step("submit")?.saturating_add(step("settle")?) / 1000)
    }

    /// Sets the results of further trials of the same case.
    pub(crate) fn set_repetitions(&mut self, repetitions: Vec<Repetition>) {
        if let Origin::Trial(trial) = &mut self.origin {
            trial.repetitions = repetitions;
        }
    }

    /// Adds the result of a further trial of the same case.
    pub(crate) fn add_repetition(&mut self, repetition: Repetition) {
        if let Origin::Trial(trial) = &mut self.origin {
            trial.repetitions.push(repetition);
        }
    }

    /// Sets how long the job takes with tracing on and off.
    pub(crate) fn set_job_times(&mut self, times: JobTimes) {
        if let Origin::Trial(trial) = &mut self.origin {
            trial.job_times = Some(times);
        }
    }

    /// Sets the keys of the units that ended differently when the case ran again.
    pub(crate) fn set_variations(&mut self, keys: BTreeSet<String>) {
        if let Origin::Trial(trial) = &mut self.origin {
            trial.variations = Some(keys);
        }
    }

    /// Returns the evidence that only an existing system has, as part of a document; `None` for a trial.
    pub fn sources(&self) -> Option<spanproof_format::Deployment> {
        self.deployment().map(Into::into)
    }

    /// Returns the evidence that only an existing system has; `None` for a trial.
    pub(crate) fn deployment(&self) -> Option<&Deployment> {
        match &self.origin {
            Origin::Trial(_) => None,
            Origin::Deployment(deployment) => Some(deployment),
        }
    }

    /// Returns the evidence of the second job as an observation of a case without a fault. A case with a
    /// fault (a disturbance that spanproof causes on purpose) submits this job after it has removed the
    /// fault; a case that repeats its job submits it after the first job. `None` if there was no second job.
    pub(crate) fn second_job(&self) -> Option<Self> {
        let trial = self.trial()?;
        Some(self.later_job(trial, (1, trial.second_job.as_deref()?)))
    }

    /// Returns the evidence of each job after the first one, as observations of cases without a fault.
    pub(crate) fn later_jobs(&self) -> Vec<Self> {
        let Some(trial) = self.trial() else { return Vec::new() };
        let jobs = trial.second_job.as_deref().into_iter().chain(&trial.further_jobs);
        (1..).zip(jobs).map(|(number, job)| self.later_job(trial, (number, job))).collect()
    }

    /// Returns the evidence of a later job as an observation of a case without a fault.
    /// `number` counts from 0, which is the first job.
    fn later_job(&self, trial: &TrialRecord, (number, job): (usize, &SecondJob)) -> Self {
        let SecondJob { run, job_run, tables, server_errors } = job.clone();
        let case = Case { fault: None, ..self.case.clone() };
        let record = TrialRecord {
            run,
            job_run,
            exchanges: trial.requests_of_job(number).to_vec(),
            request_counts: Vec::new(),
            is_later_job: true,
            witness: None,
            server_log_read: server_errors.is_some(),
            server_errors: server_errors.unwrap_or_default(),
            other_tables: Vec::new(),
            second_job: None,
            further_jobs: Vec::new(),
            period: None,
            ..trial.clone()
        };
        Self { case, tables, origin: Origin::Trial(Box::new(record)) }
    }

    /// Returns this observation's span rows as a source of spans.
    pub(crate) fn span_source<'a>(&'a self, spec: &'a Spec) -> impl SpanSource + 'a {
        SpanRows { mapping: &spec.tables.spans, rows: &self.tables.spans }
    }

    /// Returns the lines of the service's output or log, with their locations.
    pub(crate) fn lines(&self) -> Vec<Line<'_>> {
        match &self.origin {
            Origin::Trial(trial) => located(&trial.run.output),
            Origin::Deployment(deployment) => {
                let lines = deployment.log.iter().flat_map(|log| &log.lines);
                lines.map(Line::from).collect()
            }
        }
    }

    /// Returns the number of bytes that were dropped from the output or log because it was too
    /// long. The dropped bytes may contain lines that a probe (a pattern of the spec for lines) matches.
    pub(crate) fn dropped_bytes(&self) -> u64 {
        match &self.origin {
            Origin::Trial(trial) => trial.run.output.dropped_bytes,
            Origin::Deployment(deployment) => {
                deployment.log.as_ref().map_or(0, |log| log.dropped_bytes)
            }
        }
    }
}

/// Returns every line of a process's output with its location.
pub(crate) fn located(output: &Output) -> Vec<Line<'_>> {
    let (mut stdout, mut stderr) = (0, 0);
    let lines = output.lines.iter().map(|line| {
        let location = match line.stream {
            Stream::Stdout => Location::Stdout(increment(&mut stdout)),
            Stream::Stderr => Location::Stderr(increment(&mut stderr)),
        };
        Line { location, at: None, text: &line.text, process: line.process.as_deref() }
    });
    lines.collect()
}

fn increment(count: &mut u64) -> u64 {
    *count += 1;
    *count
}
