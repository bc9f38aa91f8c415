//! A case that submits its job several times while the service keeps running. The first job is judged as
//! in any case; each later job must leave the same spans.

use std::collections::BTreeSet;

use super::evidence::Evidence;
use super::facts::Facts;
use super::finding::{Checks, Finding};
use super::judgement::Judgement;
use crate::observation::{Observation, Submission, WaitResult};
use crate::spec::Spec;
use spanproof_format::{Code, Confidence};

/// Returns the later jobs up to the first one that did not do the same work as the first job.
pub(super) fn same_work<'a>(first: &Facts<'a>, later: &'a [Observation]) -> Vec<Facts<'a>> {
    let jobs = later.iter().map(|job| Facts::read(first.spec, job));
    jobs.take_while(|job| did_same_work(first, job)).collect()
}

/// Compares the later jobs with the first one, which passes. There is one judgement for each.
pub(super) fn later_jobs(
    first: &Facts<'_>,
    (jobs, judgements): (&[Facts<'_>], &[Judgement]),
    checks: &mut Checks,
) {
    checks.count(judgements.iter().map(|judgement| judgement.assertions).sum());
    let shared = shared_trace(first, jobs);
    checks.expect(shared.is_none(), || {
        let (trace, number) = shared.unwrap_or_default();
        let message = format!(
            "job 1 and job {number} of one life of the service have the trace {trace} in common"
        );
        let mut finding = Finding::new(Code::InvalidIds, message, Vec::new());
        // A service may mean to have one trace for all that it does.
        finding.confidence = Confidence::Likely;
        finding
    });
    let Some(failed) = judgements.iter().position(|job| !job.findings().is_empty()) else { return };
    let is_short = |judgement: &Judgement| lost(judgement).is_some();
    let all = jobs.len() + 1;
    if judgements[failed..].iter().all(is_short) {
        checks.add(stopped(first, jobs, (failed, judgements)));
        return;
    }
    let number = failed + 2;
    for finding in judgements[failed].findings() {
        let mut finding = finding.clone();
        finding.message =
            format!("job {number} of {all} of one life of the service: {}", finding.message);
        checks.add(finding);
    }
}

/// Returns a trace id that the first job has in common with a later one, and the number of that job. A
/// service may derive the trace id from the job's id, so the jobs must have different ids.
fn shared_trace(first: &Facts<'_>, jobs: &[Facts<'_>]) -> Option<(String, usize)> {
    let job = &first.observation.case.job;
    first.spec.jobs.iter().find(|rule| rule.name == *job)?.id.as_ref()?;
    let traces = |facts: &Facts<'_>| -> BTreeSet<String> {
        facts.spans.iter().filter_map(|span| span.trace.clone()).collect()
    };
    let of_first = traces(first);
    let of_later = jobs.iter().map(traces).zip(2..);
    let mut shared = of_later.filter_map(|(traces, number)| {
        traces.intersection(&of_first).next().map(|trace| (trace.clone(), number))
    });
    shared.next()
}

/// Returns how many jobs of a case that repeats its job did the same work, the first one included, and
/// why the next one did not; `None` if none is missing.
pub(crate) fn comparable_jobs(spec: &Spec, observation: &Observation) -> (usize, Option<String>) {
    let first = Facts::read(spec, observation);
    let later = observation.later_jobs();
    for (at, job) in later.iter().enumerate() {
        let job = Facts::read(spec, job);
        if !did_same_work(&first, &job) {
            return (at + 1, Some(why_not(&job)));
        }
    }
    let exited = observation.trial().is_some_and(|trial| !trial.run.exit.stop_requested);
    (later.len() + 1, exited.then(|| "the service exited".to_owned()))
}

/// Whether a later job was accepted, ended and has the same outcome. A service may refuse to do the same
/// work twice, which says nothing about its spans.
fn did_same_work(first: &Facts<'_>, job: &Facts<'_>) -> bool {
    let Some(run) = job.trial().map(|trial| &trial.job_run) else { return false };
    let accepted = run.submission.as_ref().is_some_and(Submission::is_accepted);
    let ended = run.settled.as_ref().is_none_or(WaitResult::is_reached);
    let statuses = |facts: &Facts<'_>| {
        let mut statuses: Vec<_> = facts.units.iter().map(|unit| unit.status.clone()).collect();
        statuses.sort();
        statuses
    };
    accepted && ended && statuses(first) == statuses(job)
}

fn why_not(job: &Facts<'_>) -> String {
    let submission = job.trial().and_then(|trial| trial.job_run.submission.as_ref());
    match submission {
        Some(answer) if !answer.is_accepted() => {
            format!("the next one was answered with HTTP {}", answer.status)
        }
        _ => "the next one had another outcome".to_owned(),
    }
}

/// Returns the finding about missing spans of a job, or its first finding about incomplete ones.
fn lost(judgement: &Judgement) -> Option<&Finding> {
    judgement.findings().iter().find(|finding| !finding.alternatives.is_empty())
}

/// The finding for a service that stops recording: from one job on, every job lacks spans.
fn stopped(
    first: &Facts<'_>,
    jobs: &[Facts<'_>],
    (failed, judgements): (usize, &[Judgement]),
) -> Finding {
    let (all, good) = (jobs.len() + 1, failed + 1);
    let reason = lost(&judgements[failed]);
    let why = reason.map_or_else(String::new, |why| format!("; job {}: {}", good + 1, why.message));
    let before = if good == 1 { "job 1 left its spans".into() } else { jobs_text(1, good) };
    let message = format!(
        "{before}, and the {} after it in the same life of the service lack spans{why}",
        if all - good == 1 { "job".to_owned() } else { format!("{} jobs", all - good) }
    );
    let count = |number: usize, facts: &Facts<'_>| {
        let (spans, units) = (facts.spans.len(), facts.units.len());
        Evidence::Note(format!("job {number}: {spans} spans of {units} units"))
    };
    let counts = std::iter::once(first).chain(jobs).zip(1..);
    let mut evidence: Vec<_> = counts.map(|(facts, number)| count(number, facts)).collect();
    evidence.extend(reason.into_iter().flat_map(|why| why.evidence.clone()));
    let mut finding = Finding::new(Code::RecordingStopped, message, evidence);
    if all - good == 1 {
        // A single job may have lost its spans by chance.
        finding.confidence = Confidence::Likely;
    }
    finding
}

fn jobs_text(from: usize, to: usize) -> String {
    format!("jobs {from} to {to} left their spans")
}
