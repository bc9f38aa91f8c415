//! Judges a case that submits its job several times while the service keeps running. The first job is
//! judged like the only job of other cases. Each later job must leave the same spans. A unit is one part
//! of a job.

use std::collections::BTreeSet;

use super::evidence::Evidence;
use super::facts::Facts;
use super::finding::{Checks, Finding};
use super::judgement::Judgement;
use super::running_statement;
use super::tree::is_sent_by_client;
use crate::observation::{Observation, Span, Submission};
use crate::spec::Spec;
use spanproof_format::{Code, Confidence, count_phrase};

/// A job after the first one, and its judgement.
pub(super) struct LaterJob<'a> {
    pub(super) facts: Facts<'a>,
    pub(super) judgement: Judgement,
}

/// Returns the later jobs before the first one whose outcome differs from that of job 1.
pub(super) fn jobs_with_same_outcome<'a>(
    first: &Facts<'a>,
    later: &'a [Observation],
) -> Vec<Facts<'a>> {
    let jobs = later.iter().map(|job| Facts::read(first.spec, job));
    jobs.take_while(|job| has_same_outcome(first, job)).collect()
}

/// Reports the first later job that the service took and did not end, although the first job ended. The service may
/// have run out of something that each job keeps, such as connections.
pub(super) fn check_ends(first: &Facts<'_>, later: &[Observation], checks: &mut Checks) {
    // A job in a queue may have to wait for a limit of rates.
    let is_running = |facts: &Facts<'_>| {
        let jobs = &facts.spec.tables.jobs;
        let is_taken =
            |status: &String| !jobs.done.contains(status) && !jobs.waiting.contains(status);
        let has_begun = !facts.units.is_empty() || !facts.exchanges().is_empty();
        has_begun && facts.jobs.iter().any(|job| job.status.as_ref().is_some_and(is_taken))
    };
    let is_alive = first.process_run().is_some_and(|run| run.exit.stop_requested);
    if !is_alive || is_late(first) {
        return;
    }
    let mut numbered = (2..).zip(later.iter().map(|job| Facts::read(first.spec, job)));
    let Some((number, job)) = numbered.find(|(_, job)| is_late(job) && is_running(job)) else {
        return;
    };
    checks.expect(false, || {
        let message = format!(
            "job {number}, without a restart of the service, did not end in the time in which job 1 did"
        );
        let evidence = [Evidence::jobs(&job, false), Evidence::units(&job)].concat();
        let mut finding = Finding::new(Code::JobNotFinished, message, evidence);
        finding.confidence = Confidence::Likely;
        finding
    });
}

/// Whether spanproof waited for the end of a job, and the time was over before.
fn is_late(job: &Facts<'_>) -> bool {
    let settled = job.trial().and_then(|trial| trial.job_run.settled.as_ref());
    settled.is_some_and(|settled| !settled.is_reached())
}

/// Compares the later jobs with the first job, which must have passed. Reports the first later job that
/// failed. If that job and all jobs after it lack spans, reports that the service stopped recording.
pub(super) fn check_later_jobs(first: &Facts<'_>, later: &[LaterJob<'_>], checks: &mut Checks) {
    checks.count(later.iter().map(|job| job.judgement.assertions).sum());
    let shared = shared_trace(first, later);
    checks.expect(shared.is_none(), || {
        let (trace, number) = shared.unwrap_or_default();
        let message = format!(
            "job 1 and job {number} have the trace {trace} in common, and the service was not restarted in between"
        );
        let mut finding = Finding::new(Code::InvalidIds, message, Vec::new());
        // One trace for everything that a process does may be intended.
        finding.confidence = Confidence::Likely;
        finding
    });
    let has_failed = |job: &LaterJob<'_>| !job.judgement.findings().is_empty();
    let Some(failed) = later.iter().position(has_failed) else { return };
    // A slow service may still be writing the spans of the last jobs. Then it has not stopped recording.
    let is_slow = running_statement::is_slow(first);
    if !is_slow && later[failed..].iter().all(|job| missing_spans(&job.judgement).is_some()) {
        checks.add(recording_stopped(first, later, failed));
        return;
    }
    let (number, all) = (failed + 2, later.len() + 1);
    for finding in later[failed].judgement.findings() {
        let mut finding = finding.clone();
        finding.message =
            format!("job {number} of {all}, without a restart of the service: {}", finding.message);
        checks.add(finding);
    }
}

/// Returns a trace id that the first job has in common with a later job, and the number of that job.
/// `None` if the spec does not set a new id for each job: the jobs then have the same id, and the
/// service may derive the trace id from it.
fn shared_trace(first: &Facts<'_>, later: &[LaterJob<'_>]) -> Option<(String, usize)> {
    let job = &first.observation.case.job;
    first.spec.jobs.iter().find(|rule| rule.name == *job)?.id.as_ref()?;
    let traces = |facts: &Facts<'_>| -> BTreeSet<String> {
        facts.spans.iter().filter_map(|span| span.trace.clone()).collect()
    };
    let traces_of_first: BTreeSet<String> =
        traces(first).into_iter().filter(|trace| !is_sent_with_job(first, trace)).collect();
    // Both jobs may be below a span that lives as long as the process.
    let is_below_same_span = |job: &Facts<'_>, trace: &String| {
        let is_in_trace = |span: &&Span| span.trace.as_ref() == Some(trace) && span.unit.is_none();
        let mut spans = job.spans.iter().filter(is_in_trace);
        spans.any(|span| first.spans_with_id(span.id.as_deref()).any(|other| is_in_trace(&other)))
    };
    let numbered = later
        .iter()
        .map(|job| {
            let traces = traces(&job.facts).into_iter();
            traces.filter(|trace| !is_below_same_span(&job.facts, trace)).collect::<BTreeSet<_>>()
        })
        .zip(2..);
    let mut shared = numbered.filter_map(|(traces, number)| {
        traces.intersection(&traces_of_first).next().map(|trace| (trace.clone(), number))
    });
    shared.next()
}

/// Whether the client sends a trace id with each job, so that the service continues this trace.
fn is_sent_with_job(facts: &Facts<'_>, trace: &str) -> bool {
    // The parent is a span of the client, whose context may be in the job itself.
    let has_remote_parent = |span: &Span| {
        span.trace.as_deref() == Some(trace)
            && span.parent.is_some()
            && facts.spans_with_id(span.parent.as_deref()).next().is_none()
    };
    is_sent_by_client(facts, trace) || facts.spans.iter().any(has_remote_parent)
}

/// Returns how many jobs can be compared, including job 1: those before the first job whose outcome differs.
/// Also returns why there are no more; `None` if all jobs ran and can be compared.
pub(crate) fn comparable_jobs(spec: &Spec, observation: &Observation) -> (usize, Option<String>) {
    let first = Facts::read(spec, observation);
    let later = observation.later_jobs();
    for (at, job) in later.iter().enumerate() {
        let job = Facts::read(spec, job);
        if !has_same_outcome(&first, &job) {
            return (at + 1, Some(why_not_comparable(&job)));
        }
    }
    let exited = observation.trial().is_some_and(|trial| !trial.run.exit.stop_requested);
    (later.len() + 1, exited.then(|| "the service exited".to_owned()))
}

/// Whether a later job was accepted, ended, and has the same unit statuses as the first job. A service
/// may refuse a job that it has already executed. Such a job can't show whether spans are missing.
fn has_same_outcome(first: &Facts<'_>, job: &Facts<'_>) -> bool {
    let Some(run) = job.trial().map(|trial| &trial.job_run) else { return false };
    let accepted = run.submission.as_ref().is_some_and(Submission::is_accepted);
    let statuses = |facts: &Facts<'_>| {
        let mut statuses: Vec<_> = facts.units.iter().map(|unit| unit.status.clone()).collect();
        statuses.sort();
        statuses
    };
    accepted && !is_late(job) && statuses(first) == statuses(job)
}

/// Returns why a job can't be compared with the first one.
fn why_not_comparable(job: &Facts<'_>) -> String {
    let submission = job.trial().and_then(|trial| trial.job_run.submission.as_ref());
    match submission {
        Some(answer) if !answer.is_accepted() => {
            format!("the next job was answered with HTTP {}", answer.status)
        }
        _ => "the next job had a different outcome".to_owned(),
    }
}

/// Returns the finding about missing spans of a job; `None` if no span is missing.
fn missing_spans(judgement: &Judgement) -> Option<&Finding> {
    judgement.findings().iter().find(|finding| finding.is_about_missing_spans())
}

/// The finding for a service that stopped recording: the later job with the index `failed` and all jobs
/// after it lack spans.
fn recording_stopped(first: &Facts<'_>, later: &[LaterJob<'_>], failed: usize) -> Finding {
    let (complete, lacking) = (failed + 1, later.len() - failed);
    let reason = missing_spans(&later[failed].judgement);
    let why =
        reason.map_or_else(String::new, |why| format!("; job {}: {}", complete + 1, why.message));
    let before = match complete {
        1 => "job 1 left its spans".to_owned(),
        _ => format!("jobs 1 to {complete} left their spans"),
    };
    let next = match lacking {
        1 => "the next job lacks spans".to_owned(),
        _ => format!("the next {lacking} jobs lack spans"),
    };
    let message = format!("{before}, and {next} without a restart of the service{why}");
    let count = |number: usize, facts: &Facts<'_>| {
        let spans = count_phrase(facts.spans.len(), "span", "spans");
        let units = count_phrase(facts.units.len(), "unit", "units");
        Evidence::Note(format!("job {number}: {spans} for {units}"))
    };
    let jobs = std::iter::once(first).chain(later.iter().map(|job| &job.facts));
    let mut evidence: Vec<_> = jobs.zip(1..).map(|(facts, number)| count(number, facts)).collect();
    evidence.extend(reason.into_iter().flat_map(|why| why.evidence.clone()));
    let mut finding = Finding::new(Code::RecordingStopped, message, evidence);
    // A few jobs may lack their spans by chance, as with a sampler, unless it is known how they were lost.
    let is_known = reason.is_some_and(|why| why.confidence == Confidence::Certain);
    if lacking == 1 || !is_known {
        finding.confidence = Confidence::Likely;
    }
    finding
}
