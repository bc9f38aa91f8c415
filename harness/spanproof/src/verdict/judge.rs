//! Judges one observation: the evidence of one run of the service (a trial), or of an existing system.
//! A fault is a disturbance that spanproof causes on purpose during a trial.

use super::facts::Facts;
use super::finding::Checks;
use super::judgement::{Judgement, conclude_checks};
use super::repetition::LaterJob;
use super::{
    below, contract, deployed, fault, finished, impossible, missing, off, outcome, repetition,
    slowdown, stage, stored_twice,
};
use crate::observation::{Observation, Origin, Source, TrialRecord};
use crate::spec::{Fault, FaultKind, Spec};

/// An observation with its judgement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Judged {
    /// The evidence.
    pub observation: Observation,
    /// The judgement, without a comparison with other cases.
    pub judgement: Judgement,
}

/// Gets an observation from its source, such as a trial, and judges it.
///
/// # Errors
/// When the source can't supply an observation.
pub(crate) async fn observe<S: Source>(spec: &Spec, source: S) -> Result<Judged, S::Error> {
    let observation = source.observe(&mut ()).await?;
    let judgement = judge(spec, &observation);
    Ok(Judged { observation, judgement })
}

/// Judges one observation, without a comparison with others.
pub fn judge(spec: &Spec, observation: &Observation) -> Judgement {
    judge_facts(&Facts::read(spec, observation), &[])
}

/// Judges an observation. `peers` are other cases of the same run: if they recorded a span, the service
/// can record it.
pub(super) fn judge_facts(facts: &Facts<'_>, peers: &[&Facts<'_>]) -> Judgement {
    match &facts.observation.origin {
        Origin::Deployment(deployment) => deployed::judge(facts, deployment),
        Origin::Trial(trial) => judge_trial(facts, peers, trial),
    }
}

fn judge_trial(facts: &Facts<'_>, peers: &[&Facts<'_>], trial: &TrialRecord) -> Judgement {
    if let Some(cause) = stage::never_ready(trial) {
        return Judgement::broken(cause);
    }
    let (spec, case) = (facts.spec, &facts.observation.case);
    let recording = case.records(spec);
    let mut checks = Checks::default();
    let fault = case.fault.as_deref().and_then(|name| spec.fault(name));
    let repeats_job = fault.is_some_and(|fault| fault.kind == FaultKind::JobRepeated);
    if let Some(fault) = fault.filter(|_| recording && !repeats_job) {
        fault::check_during(facts, fault, &mut checks);
        if checks.is_clean() {
            let next_job = judge_job_after_fault(facts, fault);
            fault::check_after(fault, next_job.as_ref(), &mut checks);
        }
        outcome::check_requests(facts, &mut checks);
        return conclude_checks(facts, recording, checks);
    }
    if recording {
        check_recorded(facts, peers, &mut checks);
        let later = if repeats_job { facts.observation.later_jobs() } else { Vec::new() };
        repetition::check_ends(facts, &later, &mut checks);
        if repeats_job && checks.is_clean() {
            let jobs = repetition::jobs_with_same_outcome(facts, &later);
            let judge = |facts| LaterJob { judgement: judge_facts(&facts, &[]), facts };
            let jobs: Vec<_> = jobs.into_iter().map(judge).collect();
            repetition::check_later_jobs(facts, &jobs, &mut checks);
        }
    } else {
        for stage in [
            stage::check_alive,
            off::check_startup_line,
            stage::check_executed,
            off::check_nothing_recorded,
        ] {
            stage(facts, &mut checks);
            if !checks.is_clean() {
                break;
            }
        }
    }
    if case.fault.is_none() {
        contract::check_contracts(facts, &mut checks);
    }
    slowdown::check_job_times(facts, &mut checks);
    outcome::check_exit(facts, &mut checks);
    outcome::check_requests(facts, &mut checks);
    conclude_checks(facts, recording, checks)
}

/// Checks the spans of a case that must record. If the service exited, or did not execute the job, this
/// is the only finding: missing spans follow from it. All other checks are independent of each other.
fn check_recorded(facts: &Facts<'_>, peers: &[&Facts<'_>], checks: &mut Checks) {
    for stage in [stage::check_alive, stage::check_executed] {
        stage(facts, checks);
        if !checks.is_clean() {
            return;
        }
    }
    missing::check_spans(facts, peers, checks);
    for check in [
        stage::check_reported_on,
        stage::check_lines_agree,
        stage::check_acknowledged,
        finished::check_finished,
        impossible::check_values,
        stage::check_linked,
        stage::check_joined,
        stored_twice::check_stored_twice,
        below::check_ancestors,
    ] {
        check(facts, checks);
    }
}

/// Judges the job that was submitted after the fault was removed, like a job of a case without a fault;
/// `None` if the job could not be submitted.
fn judge_job_after_fault(facts: &Facts<'_>, fault: &Fault) -> Option<Judgement> {
    let second = facts.observation.second_job()?;
    let mut facts = Facts::read(facts.spec, &second);
    if fault.kind.kills_service() {
        // The restarted service may also have resumed the job during which it was killed.
        facts.expected_units = facts.expected_units.max(facts.units.len());
    }
    Some(judge_facts(&facts, &[]))
}
