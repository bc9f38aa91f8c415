//! Replays an incident: recreates its setup, runs the service with this setup, and compares the results
//! with the recorded results. A setup has the flags, the job, the route (how the job is submitted), the
//! upstream (the fake server that the service calls) and perhaps a fault. Results are the verdict, the funnel (how many units
//! of work reached each stage, from executed to joined), and the statuses of the units.

use std::collections::BTreeMap;

use spanproof_format as format;
use spanproof_format::{Code, Rejudgement, Replay, ReplayAttempt, ReplayOutcome};

use super::bundle::Bundle;
use super::error::Error;
use super::setup::Recreation;
use crate::chain::chain;
use crate::observation::{Observation, Unit, masked_case, spec_secrets};
use crate::spec::Spec;
use crate::trial::{Overrides, World, run_watched};
use crate::verdict::{Funnel, Judged, Judgement, Verdict, observe};

/// Maximum number of setups that one incident is replayed with.
const MAX_SETUPS: usize = 32;

/// Replays an incident once with each setup that fits what is known of the incident.
///
/// # Errors
/// If the spec does not fit the incident, or too many setups fit the incident.
pub async fn replay(world: &World, bundle: &Bundle) -> Result<Replay, Error> {
    let recording = bundle.judgement.as_ref().is_some_and(|judgement| judgement.recording);
    let recreations = bundle.setup.recreations(world.spec(), recording);
    let recreations = recreations.map_err(Error::SpecMismatch)?;
    let mut uncertainties = [bundle.doubts.clone(), recreations.uncertainties].concat();
    let other_program = other_program(world, bundle);
    let is_other_program = other_program.is_some();
    uncertainties.extend(other_program);
    uncertainties.extend(clock_uncertainty(bundle));
    let setups = recreations.all;
    if setups.len() > MAX_SETUPS {
        return Err(Error::Ambiguous(format!(
            "{} setups fit the incident, but at most {MAX_SETUPS} are tried; give the route and the upstream of the \
             incident with `--route` and `--upstream` ({})",
            setups.len(),
            uncertainties.join("; ")
        )));
    }
    let secrets = spec_secrets(world.spec());
    let mut attempts = Vec::new();
    for setup in &setups {
        let judged = Box::pin(run(world, bundle, setup)).await;
        let (judgement, differences) = judged.unwrap_or_else(|why| {
            let why = secrets.text(&why);
            let difference = format!("the replay could not be completed: {why}");
            (Judgement::broken(why), vec![difference])
        });
        let case = masked_case(world.spec(), &setup.case).into();
        attempts.push(ReplayAttempt::new(case, (&judgement).into(), differences));
    }
    // The sort is stable: attempts with equally many differences stay in the order of the spec.
    attempts.sort_by_key(|attempt| attempt.differences.len());
    let is_broken =
        |attempt: &ReplayAttempt| matches!(attempt.judgement.verdict, format::Verdict::Broken(_));
    let broken = attempts.iter().all(is_broken);
    let same = attempts.iter().any(|attempt| attempt.differences.is_empty());
    let outcome = match (broken, same, uncertainties.is_empty()) {
        (true, false, _) => ReplayOutcome::Broken,
        (_, false, _) => ReplayOutcome::Different,
        (_, true, true) => ReplayOutcome::Reproduced,
        (_, true, false) => ReplayOutcome::Uncertain,
    };
    let mut replay = Replay::new(bundle.path.display().to_string(), outcome);
    replay.expects.clone_from(&bundle.expects);
    (replay.attempts, replay.uncertainties) = (attempts, uncertainties);
    replay.other_program = is_other_program;
    Ok(replay)
}

/// Runs the service with one setup. Returns the judgement and the differences from the incident.
async fn run(
    world: &World,
    bundle: &Bundle,
    setup: &Recreation,
) -> Result<(Judgement, Vec<String>), String> {
    let recorded = bundle.observation.trial();
    let overrides = Overrides {
        upstream: setup.behaviour.clone(),
        job: setup.input.clone(),
        witness: recorded.is_some_and(|trial| trial.witness.is_some()),
        ..Overrides::default()
    };
    let spec = world.spec();
    let trial = world.trial_for(&setup.case).overrides(overrides);
    let judged = Box::pin(run_watched(world.server(), observe(spec, trial)));
    let Judged { observation, judgement } = judged.await.map_err(|error| chain(&error))?;
    if let Verdict::Broken(why) = &judgement.verdict {
        return Err(why.clone());
    }
    let differences = match &bundle.expects {
        Some(expected) => expected_difference(expected, &judgement),
        None => differences(spec, bundle, &judgement, &observation),
    };
    Ok((judgement, differences))
}

/// Returns a note with the hashes of the recorded program and of the current one; `None` if they are equal,
/// or if the bundle accepts any program.
fn other_program(world: &World, bundle: &Bundle) -> Option<String> {
    let recorded = bundle.setup.program.as_ref()?;
    let current = world.program_id().unwrap_or_else(|| "unknown".into());
    let differs = current != *recorded;
    differs.then(|| format!("the program: recorded {recorded}, now {current}"))
}

/// Returns a note if the incident may depend on the clock of the machine where it happened; otherwise
/// `None`. A replay can't recreate that clock.
fn clock_uncertainty(bundle: &Bundle) -> Option<String> {
    let code = bundle.judgement.as_ref().and_then(Judgement::code);
    let text = "the clock: impossible times may come from the clock of the machine where the incident happened";
    (code == Some(Code::ImpossibleTimes)).then(|| text.into())
}

/// Compares a judgement with the expected verdict. Returns the difference; empty if they agree.
fn expected_difference(expected: &str, judgement: &Judgement) -> Vec<String> {
    let found = verdict_text(judgement);
    let passes = expected == "pass" && judgement.verdict == Verdict::Pass;
    if passes || found == expected {
        return Vec::new();
    }
    vec![format!("verdict: expected {expected}, found {found}")]
}

/// Returns the differences between the recorded judgement and another one.
fn differences(
    spec: &Spec,
    bundle: &Bundle,
    judgement: &Judgement,
    observation: &Observation,
) -> Vec<String> {
    let Some(recorded) = &bundle.judgement else {
        return vec!["the bundle has no verdict to compare with".into()];
    };
    let mut differences = Vec::new();
    let (was, is) = (verdict_text(recorded), verdict_text(judgement));
    if was != is {
        differences.push(format!("verdict: recorded {was}, now {is}"));
    }
    // The number of expected units is not compared: it is not known of a job in production.
    let (was, is) = (funnel_text(recorded.funnel), funnel_text(judgement.funnel));
    if was != is {
        differences.push(format!("funnel: recorded {was}, now {is}"));
    }
    let (was, is) = (status_counts(spec, &bundle.observation), status_counts(spec, observation));
    if was != is {
        differences.push(format!("units: recorded {was}, now {is}"));
    }
    differences
}

/// Judges the observation of a bundle again, and compares the judgement with the recorded judgement.
pub async fn rejudge_incident(spec: &Spec, bundle: &Bundle) -> Rejudgement {
    let Ok(Judged { observation, judgement }) = observe(spec, bundle).await;
    let differences = differences(spec, bundle, &judgement, &observation);
    let path = bundle.path.display().to_string();
    let mut rejudged = Rejudgement::new(path, (&judgement).into(), differences);
    rejudged.doubts.clone_from(&bundle.doubts);
    rejudged
}

/// Returns the codes of a failure, joined by "and", or the name of any other verdict. `known` is a
/// failure that the spec expects.
fn verdict_text(judgement: &Judgement) -> String {
    let codes: Vec<_> = judgement.codes().iter().map(ToString::to_string).collect();
    match &judgement.verdict {
        Verdict::Fail(_) => codes.join(" and "),
        Verdict::Pass if judgement.recording => "pass".into(),
        Verdict::Pass => "pass with tracing off".into(),
        Verdict::Broken(_) => "broken".into(),
        Verdict::Known(_) => "known".into(),
        Verdict::Notice(_) => "notice".into(),
        Verdict::Skipped(_) => "skipped".into(),
    }
}

/// Returns the number of units at each stage of the funnel, such as `8→8→4→4→4→4`.
fn funnel_text(funnel: Funnel) -> String {
    let Funnel { executed, attempted, stored, finished, linked, joined, .. } = funnel;
    [executed, attempted, stored, finished, linked, joined].map(|count| count.to_string()).join("→")
}

/// Returns how many units have each status, such as `1 completed, 4 failed`.
fn status_counts(spec: &Spec, observation: &Observation) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for unit in Unit::from_rows(&spec.tables, observation.tables.units.all()) {
        *counts.entry(unit.status.unwrap_or_else(|| "null".into())).or_default() += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(status, count)| format!("{count} {status}")).collect();
    if counts.is_empty() { "none".into() } else { counts.join(", ") }
}
