//! Proof that the gate can fail: healthy cases are sabotaged in known ways, and each time the
//! verdict must be red, for the right reason.

use std::collections::BTreeMap;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::sabotages::{Plot, plots};
use crate::chain::chain;
use crate::evidence::Evidence;
use crate::matrix::Case;
use crate::spec::Spec;
use crate::trial::{Sabotage, Trial, World};
use crate::verdict::{Judgement, Verdict, judge_all};

/// What became of one sabotage of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The right code.
    Caught(String),
    /// Something else: a pass, or another code.
    Missed(String),
    /// The world can't be sabotaged so, and why.
    Impossible(String),
}

/// One sabotage of one case.
#[derive(Debug, Clone)]
pub struct Proof {
    /// The sabotage's name.
    pub name: &'static str,
    /// What is done.
    pub what: &'static str,
    /// The codes of which one must be told.
    pub right: Vec<String>,
    /// The case, which is healthy otherwise.
    pub case: Case,
    /// What was told.
    pub told: Told,
}

/// What came of proving.
#[derive(Debug, Clone)]
pub enum Proven {
    /// The cases that were to be sabotaged do not all pass as they are: what they were told.
    Unhealthy(Vec<(Case, Judgement)>),
    /// One proof for each sabotage and case, in that order.
    Done(Vec<Proof>),
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
    let healthy = healthy(spec, cases);
    let mut evidence = BTreeMap::new();
    for case in &healthy {
        let found = Trial::sabotaged(world, case, &Sabotage::default()).await?;
        evidence.insert(case.id.clone(), found);
        if *cancelled.borrow() {
            return Ok(None);
        }
    }
    let found: Vec<&Evidence> = healthy.iter().filter_map(|case| evidence.get(&case.id)).collect();
    let judgements = judge_all(spec, &found);
    if judgements.iter().any(|judgement| judgement.verdict != Verdict::Pass) {
        return Ok(Some(Proven::Unhealthy(healthy.into_iter().zip(judgements).collect())));
    }
    let work: Vec<(Plot, Case)> = plots(spec)
        .into_iter()
        .flat_map(|plot| {
            let fits = |case: &&Case| case.records(spec) == plot.on;
            let met: Vec<Case> = healthy.iter().filter(fits).cloned().collect();
            met.into_iter().map(move |case| (plot.clone(), case))
        })
        .collect();
    let Some(all) = sabotaged(world, &work, workers, cancelled).await else { return Ok(None) };
    let proofs = work.into_iter().zip(all).map(|((plot, case), found)| {
        let told = told(spec, &plot, &case, found, &evidence);
        let right = plot.right.iter().map(ToString::to_string).collect();
        Proof { name: plot.name, what: plot.what, right, case, told }
    });
    Ok(Some(Proven::Done(proofs.collect())))
}

/// The plainest case of each route, with tracing on and with tracing off.
fn healthy(spec: &Spec, cases: &[Case]) -> Vec<Case> {
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

/// Runs every sabotage; nothing where it was cancelled.
async fn sabotaged(
    world: &World,
    work: &[(Plot, Case)],
    workers: usize,
    mut cancelled: watch::Receiver<bool>,
) -> Option<Vec<Result<Evidence, String>>> {
    let mut slots: Vec<Option<Result<Evidence, String>>> = vec![None; work.len()];
    let mut waiting = work.iter().enumerate();
    let mut running = JoinSet::new();
    loop {
        while running.len() < workers.max(1) {
            let Some((at, (plot, case))) = waiting.next() else { break };
            let (world, sabotage, case) = (world.clone(), plot.sabotage.clone(), case.clone());
            running.spawn(async move {
                let ran = Trial::sabotaged(&world, &case, &sabotage).await;
                (at, ran.map_err(|error| chain(&error)))
            });
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

/// What is told of a sabotaged case beside the healthy ones.
fn told(
    spec: &Spec,
    plot: &Plot,
    case: &Case,
    found: Result<Evidence, String>,
    healthy: &BTreeMap<String, Evidence>,
) -> Told {
    let found = match found {
        Ok(found) => found,
        Err(why) => return Told::Impossible(why),
    };
    let peers = healthy.iter().filter(|(id, _)| **id != case.id).map(|(_, evidence)| evidence);
    let all: Vec<&Evidence> = std::iter::once(&found).chain(peers).collect();
    let Some(judgement) = judge_all(spec, &all).into_iter().next() else {
        return Told::Impossible("there is no judgement".into());
    };
    match judgement.codes().first() {
        Some(code) if plot.right.contains(code) => Told::Caught(code.to_string()),
        Some(code) => Told::Missed(code.to_string()),
        None => Told::Missed(match judgement.verdict {
            Verdict::Broken(why) => format!("broken: {why}"),
            _ => "pass".into(),
        }),
    }
}
