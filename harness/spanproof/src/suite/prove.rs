//! Proof that the gate can fail: healthy cases are sabotaged in known ways, and each time the
//! verdict must be red, for the right reason.

use spanproof_format::{Proof, ProofResult, Proofs};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::sabotages::{Sabotage, sabotages};
use crate::chain::chain;
use crate::matrix::Case;
use crate::observation::Observation;
use crate::spec::Spec;
use crate::trial::World;
use crate::verdict::{Judged, Judgement, Verdict, compare, judge, observe};

/// What came of proving.
#[derive(Debug, Clone)]
pub enum Proven {
    /// The cases that were to be sabotaged do not all pass as they are: what they were told.
    Unhealthy(Vec<(Case, Judgement)>),
    /// One proof for each sabotage and case, in that order.
    Done(Proofs),
}

/// Sabotages the plainest recording case of each route, and a case with tracing off, each in every
/// way that the spec has a place for. `workers` cases run at once.
///
/// # Errors
/// When the world of an unsabotaged case does not come up; nothing where it was cancelled.
pub async fn prove(
    world: &World,
    cases: &[Case],
    workers: usize,
    cancelled: watch::Receiver<bool>,
) -> Result<Option<Proven>, crate::trial::Error> {
    let spec = world.spec();
    let mut healthy = Vec::new();
    for case in plainest(spec, cases) {
        let judged = observe(spec, world.trial_of(&case).witness()).await?;
        healthy.push(Healthy { case, judged });
        if *cancelled.borrow() {
            return Ok(None);
        }
    }
    let observations: Vec<&Observation> =
        healthy.iter().map(|one| &one.judged.observation).collect();
    let mut compared: Vec<_> = healthy.iter().map(|one| one.judged.judgement.clone()).collect();
    compare(spec, &observations, &mut compared);
    if compared.iter().any(|judgement| judgement.verdict != Verdict::Pass) {
        let cases = healthy.into_iter().map(|one| one.case);
        return Ok(Some(Proven::Unhealthy(cases.zip(compared).collect())));
    }
    let work: Vec<(Sabotage, Case)> = sabotages(spec)
        .into_iter()
        .flat_map(|sabotage| {
            let fits = |one: &&Healthy| one.case.records(spec) == sabotage.on;
            let cases: Vec<Case> =
                healthy.iter().filter(fits).map(|one| one.case.clone()).collect();
            cases.into_iter().map(move |case| (sabotage.clone(), case))
        })
        .collect();
    let Some(all) = sabotaged(world, &work, workers, cancelled).await else { return Ok(None) };
    let proofs = work.into_iter().zip(all).map(|((sabotage, case), found)| {
        let result = result(spec, &sabotage, found, &healthy);
        let mut proof = Proof::new(sabotage.name, sabotage.what, case.into(), result);
        proof.right = sabotage.right.iter().map(ToString::to_string).collect();
        proof
    });
    Ok(Some(Proven::Done(Proofs::new(proofs.collect()))))
}

/// A case that passes as it is, judged by itself.
struct Healthy {
    case: Case,
    judged: Judged,
}

/// The plainest case of each route, with tracing on and with tracing off.
fn plainest(spec: &Spec, cases: &[Case]) -> Vec<Case> {
    let mut found: Vec<Case> = Vec::new();
    for case in cases.iter().filter(|case| case.fault.is_none()) {
        let same =
            |other: &Case| other.route == case.route && other.records(spec) == case.records(spec);
        if !found.iter().any(same) {
            found.push(case.clone());
        }
    }
    // What is compared between on and off must be the same but for the flag.
    let plain = |case: &Case| spec.upstreams.first().is_some_and(|u| u.name == case.upstream);
    found.sort_by_key(|case| (!plain(case), !case.records(spec)));
    found
}

/// Runs every sabotage, with the server as a witness; `None` if it was cancelled.
async fn sabotaged(
    world: &World,
    work: &[(Sabotage, Case)],
    workers: usize,
    mut cancelled: watch::Receiver<bool>,
) -> Option<Vec<Result<Observation, String>>> {
    let mut slots: Vec<Option<Result<Observation, String>>> = vec![None; work.len()];
    let mut waiting = work.iter().enumerate();
    let mut running = JoinSet::new();
    loop {
        while running.len() < workers.max(1) {
            let Some((at, (sabotage, case))) = waiting.next() else { break };
            let trial = world.trial_of(case).overrides(sabotage.overrides.clone()).witness();
            running.spawn(async move { (at, trial.run().await.map_err(|error| chain(&error))) });
        }
        tokio::select! {
            ended = running.join_next() => match ended {
                None => break,
                Some(Ok((at, ended))) => slots[at] = Some(ended),
                // A panic: its slot stays empty, and is told as impossible.
                Some(Err(_)) => {}
            },
            _ = cancelled.wait_for(|cancelled| *cancelled) => return None,
        }
    }
    let lost = || Err("it panicked".to_owned());
    Some(slots.into_iter().map(|slot| slot.unwrap_or_else(lost)).collect())
}

/// What is found in a sabotaged case beside the healthy ones.
fn result(
    spec: &Spec,
    sabotage: &Sabotage,
    found: Result<Observation, String>,
    healthy: &[Healthy],
) -> ProofResult {
    let found = match found {
        Ok(found) => found,
        Err(why) => return ProofResult::Impossible(why),
    };
    let peers = healthy.iter().filter(|one| one.case.id != found.case.id);
    let (others, judged): (Vec<_>, Vec<_>) =
        peers.map(|one| (&one.judged.observation, one.judged.judgement.clone())).unzip();
    let observations: Vec<&Observation> = std::iter::once(&found).chain(others).collect();
    let mut judgements: Vec<_> = std::iter::once(judge(spec, &found)).chain(judged).collect();
    compare(spec, &observations, &mut judgements);
    let judgement = judgements.swap_remove(0);
    match judgement.code() {
        Some(code) if sabotage.right.contains(&code) => ProofResult::Caught(code.to_string()),
        Some(code) => ProofResult::Missed(code.to_string()),
        None => ProofResult::Missed(match judgement.verdict {
            Verdict::Broken(why) => format!("broken: {why}"),
            _ => "pass".into(),
        }),
    }
}
