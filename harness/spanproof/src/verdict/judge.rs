//! Judging one observation.

use super::facts::Facts;
use super::finding::Checks;
use super::judgement::{Judgement, closed};
use super::{deployed, fault, impossible, missing, off, outcome, repetition, slowdown, stage};
use crate::observation::{Observation, Origin, Source, TrialRecord};
use crate::spec::{Fault, FaultKind, Spec};

/// An observation with its judgement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Judged {
    /// What was observed.
    pub observation: Observation,
    /// What it comes to by itself.
    pub judgement: Judgement,
}

/// Observes one piece of work and judges it, whatever source it comes from.
///
/// # Errors
/// When nothing can be observed there.
pub(crate) async fn observe<S: Source>(spec: &Spec, source: S) -> Result<Judged, S::Error> {
    let observation = source.observe(&mut ()).await?;
    let judgement = judge(spec, &observation);
    Ok(Judged { observation, judgement })
}

/// Judges one observation by itself.
pub fn judge(spec: &Spec, observation: &Observation) -> Judgement {
    judge_facts(&Facts::read(spec, observation), &[])
}

/// Judges an observation beside others of its run: what they recorded shows what could have been
/// recorded here.
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
    let repeats = fault.is_some_and(|fault| fault.kind == FaultKind::JobRepeated);
    if let Some(fault) = fault.filter(|_| recording && !repeats) {
        fault::disturbed(facts, fault, &mut checks);
        if checks.is_clean() {
            fault::recovered(fault, judge_second(facts, fault).as_ref(), &mut checks);
        }
        outcome::upstream(facts, &mut checks);
        return closed(facts, recording, checks);
    }
    if recording {
        recorded(facts, peers, &mut checks);
        if repeats && checks.is_clean() {
            let later = facts.observation.later_jobs();
            let jobs = repetition::same_work(facts, &later);
            let judgements: Vec<_> = jobs.iter().map(|job| judge_facts(job, &[])).collect();
            repetition::later_jobs(facts, (&jobs, &judgements), &mut checks);
        }
    } else {
        for stage in [stage::alive, off::banner, stage::executed, off::silent] {
            stage(facts, &mut checks);
            if !checks.is_clean() {
                break;
            }
        }
    }
    slowdown::job_times(facts, &mut checks);
    outcome::process(facts, &mut checks);
    outcome::upstream(facts, &mut checks);
    closed(facts, recording, checks)
}

/// Judges the spans of a case that must record. Without a live service or without its work, missing
/// spans have no reason of their own. All else is reported side by side.
fn recorded(facts: &Facts<'_>, peers: &[&Facts<'_>], checks: &mut Checks) {
    for stage in [stage::alive, stage::executed] {
        stage(facts, checks);
        if !checks.is_clean() {
            return;
        }
    }
    missing::spans(facts, peers, checks);
    for check in [
        stage::claimed,
        stage::consistent,
        stage::acknowledged,
        stage::finished,
        impossible::values,
        stage::linked,
        stage::joined,
    ] {
        check(facts, checks);
    }
}

/// Judges the second job of a case under a fault as if there had been none; `None` if the job could
/// not be submitted.
fn judge_second(facts: &Facts<'_>, fault: &Fault) -> Option<Judgement> {
    let second = facts.observation.second_job()?;
    let mut facts = Facts::read(facts.spec, &second);
    if fault.kind.kills_service() {
        // It may have taken up again what it was killed in.
        facts.expected = facts.expected.max(facts.units.len());
    }
    Some(judge_facts(&facts, &[]))
}
