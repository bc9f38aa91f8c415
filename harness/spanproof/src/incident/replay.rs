//! Setting the world of an incident up again, running the service in it, and comparing.

use std::collections::BTreeMap;

use spanproof_format as format;
use spanproof_format::{Code, Faithful, Rejudged, Replay, Reproduction};

use super::bundle::Bundle;
use super::error::Error;
use super::setting::Choice;
use crate::chain::chain;
use crate::observation::{Observation, Unit};
use crate::spec::Spec;
use crate::trial::{Overrides, World};
use crate::verdict::{Funnel, Judged, Judgement, Verdict, observe};

/// More ways than this to set a world up are not tried.
const MOST: usize = 32;

/// Replays an incident. With `any_program` another program than the recorded one is meant.
///
/// # Errors
/// When the spec does not fit the incident.
pub async fn replay(world: &World, bundle: &Bundle, any_program: bool) -> Result<Replay, Error> {
    let choices = bundle.setting.choices(world.spec()).map_err(Error::Unfit)?;
    let mut lacking = [bundle.doubts.clone(), choices.lacking].concat();
    let program = other_program(world, bundle).filter(|_| !any_program);
    let is_other = program.is_some();
    lacking.extend(program);
    lacking.extend(unlike(bundle));
    if choices.all.len() > MOST {
        let all = choices.all.len();
        return Err(Error::Ambiguous(format!(
            "{} is not known of the incident, and there are {all} ways to set it up; name its route and its upstream",
            lacking.join(", and ")
        )));
    }
    let mut tried = Vec::new();
    for choice in &choices.all {
        let judged = Box::pin(run(world, bundle, choice)).await;
        let (judgement, differences) = judged.unwrap_or_else(|why| {
            let difference = format!("the world did not come up: {why}");
            (Judgement::broken(why), vec![difference])
        });
        let case = choice.case.clone().into();
        tried.push(Reproduction::new(case, (&judgement).into(), differences));
    }
    // Stable: among those that are the same, the order of the spec stays.
    tried.sort_by_key(|one| (!one.differences.is_empty(), one.differences.len()));
    let broken =
        tried.iter().all(|one| matches!(one.judgement.verdict, format::Verdict::Broken(_)));
    let same = tried.iter().any(|one| one.differences.is_empty());
    let faithful = match (broken, same, lacking.is_empty()) {
        (true, false, _) => Faithful::Broken,
        (_, false, _) => Faithful::Differs,
        (_, true, true) => Faithful::Reproduced,
        (_, true, false) => Faithful::Perhaps,
    };
    let mut replay = Replay::new(bundle.path.display().to_string(), faithful);
    replay.expects.clone_from(&bundle.expects);
    (replay.tried, replay.lacking) = (tried, lacking);
    replay.other_program = is_other;
    Ok(replay)
}

async fn run(
    world: &World,
    bundle: &Bundle,
    choice: &Choice,
) -> Result<(Judgement, Vec<String>), String> {
    let recorded = bundle.observation.trial();
    let overrides = Overrides {
        upstream: choice.behaviour.clone(),
        job: choice.input.clone(),
        witness: recorded.is_some_and(|trial| trial.witness.is_some()),
        ..Overrides::default()
    };
    let spec = world.spec();
    let trial = world.trial_of(&choice.case).overrides(overrides);
    let Judged { observation, judgement } =
        Box::pin(observe(spec, trial)).await.map_err(|error| chain(&error))?;
    if let Verdict::Broken(why) = &judgement.verdict {
        return Err(why.clone());
    }
    let differences = match &bundle.expects {
        Some(expected) => unexpected(expected, &judgement),
        None => differences(spec, bundle, &judgement, &observation),
    };
    Ok((judgement, differences))
}

/// How the program differs from the recorded one; `None` if it does not, or none was recorded.
fn other_program(world: &World, bundle: &Bundle) -> Option<String> {
    let recorded = bundle.setting.program.as_ref()?;
    let here = world.identity().unwrap_or_else(|| "unknown".into());
    (here != *recorded).then(|| format!("the program: it was {recorded}, and here it is {here}"))
}

/// What of the world can't be had here, besides the program and what the bundle does not say.
fn unlike(bundle: &Bundle) -> Vec<String> {
    let mut lacking = Vec::new();
    let code = bundle.judgement.as_ref().and_then(Judgement::code);
    if code == Some(Code::ImpossibleTimes) {
        lacking.push(
            "the clock: times that are impossible may come from the clock of that machine".into(),
        );
    }
    lacking
}

/// In what a judgement is not what a replay must come to.
fn unexpected(expected: &str, judgement: &Judgement) -> Vec<String> {
    let found = told(judgement);
    let passes = expected == "pass" && judgement.verdict == Verdict::Pass;
    if passes || found == expected {
        return Vec::new();
    }
    vec![format!("verdict: {expected} is expected, and here it is {found}")]
}

/// In what a replay is not as the incident.
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
    let (was, is) = (told(recorded), told(judgement));
    if was != is {
        differences.push(format!("verdict: it was {was}, and here it is {is}"));
    }
    if recorded.funnel != judgement.funnel {
        let (was, is) = (stages(recorded.funnel), stages(judgement.funnel));
        differences.push(format!("funnel: it was {was}, and here it is {is}"));
    }
    let (was, is) = (statuses(spec, &bundle.observation), statuses(spec, observation));
    if was != is {
        differences.push(format!("units: they were {was}, and here they are {is}"));
    }
    differences
}

/// Judges the observation of a bundle again, and compares with the judgement that the bundle has.
pub async fn rejudge_incident(spec: &Spec, bundle: &Bundle) -> Rejudged {
    let Ok(Judged { observation, judgement }) = observe(spec, bundle).await;
    let differences = differences(spec, bundle, &judgement, &observation);
    let path = bundle.path.display().to_string();
    let mut rejudged = Rejudged::new(path, (&judgement).into(), differences);
    rejudged.doubts.clone_from(&bundle.doubts);
    rejudged
}

/// `pass`, the codes, or what else it is.
fn told(judgement: &Judgement) -> String {
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

fn stages(funnel: Funnel) -> String {
    let Funnel { executed, attempted, stored, finished, linked, joined, expected: _ } = funnel;
    [executed, attempted, stored, finished, linked, joined].map(|count| count.to_string()).join("→")
}

/// `4 failed, 1 completed`.
fn statuses(spec: &Spec, observation: &Observation) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for unit in Unit::from_rows(&spec.tables, observation.tables.units.all()) {
        *counts.entry(unit.status.unwrap_or_else(|| "null".into())).or_default() += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(status, count)| format!("{count} {status}")).collect();
    if counts.is_empty() { "none".into() } else { counts.join(", ") }
}
