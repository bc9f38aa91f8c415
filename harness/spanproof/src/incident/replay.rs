//! Recreates the setup of an incident, runs the service in it, and compares the results.

use std::collections::BTreeMap;

use spanproof_format as format;
use spanproof_format::{Code, Rejudgement, Replay, ReplayAttempt, ReplayOutcome};

use super::bundle::Bundle;
use super::error::Error;
use super::setup::Recreation;
use crate::chain::chain;
use crate::observation::{Observation, Unit};
use crate::spec::Spec;
use crate::trial::{Overrides, World};
use crate::verdict::{Funnel, Judged, Judgement, Verdict, observe};

/// Maximum number of ways to recreate a setup.
const MAX_WAYS: usize = 32;

/// Replays an incident in every way that fits what is known of its setup.
///
/// # Errors
/// When the spec does not fit the incident, or the setup can be recreated in too many ways.
pub async fn replay(world: &World, bundle: &Bundle) -> Result<Replay, Error> {
    let recreations = bundle.setup.recreations(world.spec()).map_err(Error::SpecMismatch)?;
    let mut uncertainties = [bundle.doubts.clone(), recreations.uncertainties].concat();
    let other_program = other_program(world, bundle);
    let is_other_program = other_program.is_some();
    uncertainties.extend(other_program);
    uncertainties.extend(clock_uncertainty(bundle));
    let ways = recreations.all;
    if ways.len() > MAX_WAYS {
        return Err(Error::Ambiguous(format!(
            "the incident can be recreated in {} ways, of which at most {MAX_WAYS} are tried; name its route and its \
             upstream ({})",
            ways.len(),
            uncertainties.join("; ")
        )));
    }
    let mut attempts = Vec::new();
    for way in &ways {
        let judged = Box::pin(run(world, bundle, way)).await;
        let (judgement, differences) = judged.unwrap_or_else(|why| {
            let difference = format!("the world did not come up: {why}");
            (Judgement::broken(why), vec![difference])
        });
        let case = way.case.clone().into();
        attempts.push(ReplayAttempt::new(case, (&judgement).into(), differences));
    }
    // The sort is stable: attempts with as many differences stay in the order of the spec.
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

/// Runs the service in one way. Returns its judgement and the differences from the incident.
async fn run(
    world: &World,
    bundle: &Bundle,
    way: &Recreation,
) -> Result<(Judgement, Vec<String>), String> {
    let recorded = bundle.observation.trial();
    let overrides = Overrides {
        upstream: way.behaviour.clone(),
        job: way.input.clone(),
        witness: recorded.is_some_and(|trial| trial.witness.is_some()),
        ..Overrides::default()
    };
    let spec = world.spec();
    let trial = world.trial_for(&way.case).overrides(overrides);
    let Judged { observation, judgement } =
        Box::pin(observe(spec, trial)).await.map_err(|error| chain(&error))?;
    if let Verdict::Broken(why) = &judgement.verdict {
        return Err(why.clone());
    }
    let differences = match &bundle.expects {
        Some(expected) => expected_difference(expected, &judgement),
        None => differences(spec, bundle, &judgement, &observation),
    };
    Ok((judgement, differences))
}

/// Returns how the program differs from the recorded one; `None` if it does not, or if any program
/// is accepted.
fn other_program(world: &World, bundle: &Bundle) -> Option<String> {
    let recorded = bundle.setup.program.as_ref()?;
    let current = world.program_id().unwrap_or_else(|| "unknown".into());
    let differs = current != *recorded;
    differs.then(|| format!("the program: recorded {recorded}, now {current}"))
}

/// Returns why the clock may matter; `None` if it does not. A replay can't recreate another clock.
fn clock_uncertainty(bundle: &Bundle) -> Option<String> {
    let code = bundle.judgement.as_ref().and_then(Judgement::code);
    let text = "the clock: impossible times may come from the clock of the other machine";
    (code == Some(Code::ImpossibleTimes)).then(|| text.into())
}

/// Compares a judgement with the expected verdict. Returns no difference if they agree.
fn expected_difference(expected: &str, judgement: &Judgement) -> Vec<String> {
    let found = verdict_text(judgement);
    let passes = expected == "pass" && judgement.verdict == Verdict::Pass;
    if passes || found == expected {
        return Vec::new();
    }
    vec![format!("verdict: expected {expected}, found {found}")]
}

/// Returns the differences of a judgement from the recorded one.
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
    if recorded.funnel != judgement.funnel {
        let (was, is) = (funnel_text(recorded.funnel), funnel_text(judgement.funnel));
        differences.push(format!("funnel: recorded {was}, now {is}"));
    }
    let (was, is) = (status_counts(spec, &bundle.observation), status_counts(spec, observation));
    if was != is {
        differences.push(format!("units: recorded {was}, now {is}"));
    }
    differences
}

/// Judges the observation of a bundle again, and compares the judgement with the recorded one.
pub async fn rejudge_incident(spec: &Spec, bundle: &Bundle) -> Rejudgement {
    let Ok(Judged { observation, judgement }) = observe(spec, bundle).await;
    let differences = differences(spec, bundle, &judgement, &observation);
    let path = bundle.path.display().to_string();
    let mut rejudged = Rejudgement::new(path, (&judgement).into(), differences);
    rejudged.doubts.clone_from(&bundle.doubts);
    rejudged
}

/// Returns the codes of a failure, joined by "and", or the name of any other verdict.
fn verdict_text(judgement: &Judgement) -> String {
    let codes: Vec<_> = judgement.codes().iter().map(ToString::to_string).collect();
    match &judgement.verdict {
        Verdict::Fail(_) => codes.join(" and "),
        Verdict::Pass if judgement.recording => "pass".into(),
        Verdict::Pass => "pass with tracing off".into(),
        Verdict::Broken(_) => "broken".into(),
        Verdict::Known(_) => "known".into(),
        Verdict::Skipped(_) => "skipped".into(),
    }
}

/// Returns the counts of the stages, as `8→8→4→4→4→4`.
fn funnel_text(funnel: Funnel) -> String {
    let Funnel { executed, attempted, stored, finished, linked, joined, expected: _ } = funnel;
    [executed, attempted, stored, finished, linked, joined].map(|count| count.to_string()).join("→")
}

/// Returns how many units have each status, as `1 completed, 4 failed`.
fn status_counts(spec: &Spec, observation: &Observation) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for unit in Unit::from_rows(&spec.tables, observation.tables.units.all()) {
        *counts.entry(unit.status.unwrap_or_else(|| "null".into())).or_default() += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(status, count)| format!("{count} {status}")).collect();
    if counts.is_empty() { "none".into() } else { counts.join(", ") }
}
