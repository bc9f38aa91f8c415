//! Proves that the verdicts can fail: breaks healthy cases on purpose in known ways (*sabotages*), and
//! checks that each sabotage is detected with an expected code.

use spanproof_format::{Proof, Proofs, SabotageResult};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::sabotages::{Sabotage, sabotages};
use crate::chain::chain;
use crate::matrix::Case;
use crate::observation::{Observation, spec_secrets};
use crate::spec::Spec;
use crate::trial::{World, run_watched};
use crate::verdict::{Judged, Judgement, Verdict, compare, judge, observe};

/// The result of [`prove`].
#[derive(Debug, Clone)]
pub enum ProofResult {
    /// Nothing was sabotaged, because a case does not pass without sabotage. Contains the judgement
    /// of each case.
    Unhealthy(Vec<(Case, Judgement)>),
    /// One proof for each sabotage and each of its cases, sorted by sabotage.
    Done(Proofs),
}

/// For each route, sabotages one case with tracing on and one case with tracing off, in every way
/// that fits the spec. Runs `workers` cases at once. Returns `None` if the proof was cancelled.
///
/// # Errors
/// If the service or Postgres of a case without sabotage does not start, or Postgres no longer answers.
pub async fn prove(
    world: &World,
    cases: &[Case],
    workers: usize,
    cancelled: watch::Receiver<bool>,
) -> Result<Option<ProofResult>, crate::trial::Error> {
    Box::pin(run_watched(world.server(), sabotage_all(world, cases, workers, cancelled))).await
}

async fn sabotage_all(
    world: &World,
    cases: &[Case],
    workers: usize,
    cancelled: watch::Receiver<bool>,
) -> Result<Option<ProofResult>, crate::trial::Error> {
    let spec = world.spec();
    let mut baselines = Vec::new();
    for case in baseline_cases(spec, cases) {
        let judged = observe(spec, world.trial_for(&case).witness()).await?;
        baselines.push(Baseline { case, judged });
        if *cancelled.borrow() {
            return Ok(None);
        }
    }
    let observations: Vec<&Observation> =
        baselines.iter().map(|baseline| &baseline.judged.observation).collect();
    let mut compared: Vec<_> =
        baselines.iter().map(|baseline| baseline.judged.judgement.clone()).collect();
    compare(spec, &observations, &mut compared);
    if compared.iter().any(|judgement| judgement.verdict != Verdict::Pass) {
        let cases = baselines.into_iter().map(|baseline| baseline.case);
        return Ok(Some(ProofResult::Unhealthy(cases.zip(compared).collect())));
    }
    let tasks: Vec<(Sabotage, Case)> = sabotages(spec)
        .into_iter()
        .flat_map(|sabotage| {
            let fits = |baseline: &&Baseline| baseline.case.records(spec) == sabotage.records;
            let cases: Vec<Case> =
                baselines.iter().filter(fits).map(|baseline| baseline.case.clone()).collect();
            cases.into_iter().map(move |case| (sabotage.clone(), case))
        })
        .collect();
    let Some(observed) = run_all(world, &tasks, workers, cancelled).await else { return Ok(None) };
    let proofs = tasks.into_iter().zip(observed).map(|((sabotage, case), observed)| {
        let result = sabotage_result(spec, &sabotage, observed, &baselines);
        let mut proof = Proof::new(sabotage.name, sabotage.description, case.into(), result);
        proof.expected_codes = sabotage.expected.iter().map(ToString::to_string).collect();
        proof
    });
    Ok(Some(ProofResult::Done(Proofs::new(proofs.collect()))))
}

/// A case without sabotage, judged but not yet compared with others.
struct Baseline {
    case: Case,
    judged: Judged,
}

/// Returns the first case without a fault for each route (way to submit a job), with tracing on and
/// with tracing off.
fn baseline_cases(spec: &Spec, cases: &[Case]) -> Vec<Case> {
    let mut found: Vec<Case> = Vec::new();
    for case in cases.iter().filter(|case| case.fault.is_none()) {
        let same_kind =
            |other: &Case| other.route == case.route && other.records(spec) == case.records(spec);
        if !found.iter().any(same_kind) {
            found.push(case.clone());
        }
    }
    // Cases with tracing on and off are compared only if they have the same upstream. So cases with
    // the first upstream come first.
    let first_upstream =
        |case: &Case| spec.upstreams.first().is_some_and(|u| u.name == case.upstream);
    found.sort_by_key(|case| (!first_upstream(case), !case.records(spec)));
    found
}

/// Runs every sabotaged case with the database witness, which counts attempts to insert spans.
/// Returns for each task the observation, or the reason why the service or Postgres did not start.
/// Returns `None` if the proof was cancelled.
async fn run_all(
    world: &World,
    tasks: &[(Sabotage, Case)],
    workers: usize,
    mut cancelled: watch::Receiver<bool>,
) -> Option<Vec<Result<Observation, String>>> {
    let mut slots: Vec<Option<Result<Observation, String>>> = vec![None; tasks.len()];
    let mut waiting = tasks.iter().enumerate();
    let mut running = JoinSet::new();
    loop {
        while running.len() < workers.max(1) {
            let Some((index, (sabotage, case))) = waiting.next() else { break };
            let trial = world.trial_for(case).overrides(sabotage.overrides.clone()).witness();
            running.spawn(async move { (index, trial.run().await.map_err(|error| chain(&error))) });
        }
        tokio::select! {
            finished = running.join_next() => match finished {
                None => break,
                Some(Ok((index, observed))) => slots[index] = Some(observed),
                // The task panicked, so its slot stays empty.
                Some(Err(_)) => {}
            },
            _ = cancelled.wait_for(|cancelled| *cancelled) => return None,
        }
    }
    let panicked = || Err("the task that ran this case panicked".to_owned());
    Some(slots.into_iter().map(|slot| slot.unwrap_or_else(panicked)).collect())
}

/// Judges a sabotaged case, and compares it with the baselines of the other cases.
fn sabotage_result(
    spec: &Spec,
    sabotage: &Sabotage,
    observed: Result<Observation, String>,
    baselines: &[Baseline],
) -> SabotageResult {
    let observation = match observed {
        Ok(observation) => observation,
        Err(why) => return SabotageResult::Impossible(spec_secrets(spec).text(&why)),
    };
    let other_baselines =
        baselines.iter().filter(|baseline| baseline.case.id != observation.case.id);
    let (others, judged): (Vec<_>, Vec<_>) = other_baselines
        .map(|other| (&other.judged.observation, other.judged.judgement.clone()))
        .unzip();
    let observations: Vec<&Observation> = std::iter::once(&observation).chain(others).collect();
    let mut judgements: Vec<_> = std::iter::once(judge(spec, &observation)).chain(judged).collect();
    compare(spec, &observations, &mut judgements);
    let judgement = judgements.swap_remove(0);
    match judgement.code() {
        Some(code) if sabotage.expected.contains(&code) => SabotageResult::Caught(code.to_string()),
        Some(code) => SabotageResult::Missed(code.to_string()),
        None => SabotageResult::Missed(match judgement.verdict {
            Verdict::Broken(why) => format!("broken: {why}"),
            _ => "pass".into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::example;

    #[test]
    fn a_sabotage_that_can_not_be_run_does_not_show_the_secrets_of_the_spec() {
        let flag = "\n[[flag]]\nname = \"ADMIN_TOKEN\"\nvalues = [\"f1agValue88secret\"]\n";
        let spec = example(|text| text.replacen("\n[[flag]]\n", &format!("{flag}\n[[flag]]\n"), 1));
        assert!(spec.flags.iter().any(|flag| flag.name == "ADMIN_TOKEN"));
        let sabotage = sabotages(&spec).remove(0);
        let why = "`service --token f1agValue88secret` does not start".to_owned();
        let result = sabotage_result(&spec, &sabotage, Err(why), &[]);
        let SabotageResult::Impossible(why) = result else { panic!("{result:?}") };
        assert!(why.starts_with("`service") && !why.contains("f1agValue"), "{why}");
    }
}
