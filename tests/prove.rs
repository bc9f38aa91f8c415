//! Tests of `prove`, which breaks healthy cases on purpose (sabotages them) to show that verdicts can
//! fail. Each sabotage of the healthy runner is caught with the right code. A sabotage without effect
//! is reported as missed.

use spanproof::{ProofResult, World, cases, prove};
use spanproof_format::{Proof, Proofs, SabotageResult};

use crate::world::{healthy, repository};

/// Sabotages cases of the spec, as `check --prove` does.
async fn prove_all(world: &World) -> ProofResult {
    let (_cancel, cancelled) = tokio::sync::watch::channel(false);
    let all = cases(world.spec()).unwrap();
    prove(world, &all, 4, cancelled).await.unwrap().unwrap()
}

/// Opens a world of the faulty runner with the defect `bug`. A world holds what trials share, such as
/// the program and the Postgres server.
async fn faulty(bug: &str) -> World {
    let world =
        World::new(repository("spanproof.toml")).binary(env!("CARGO_BIN_EXE_faulty-runner"));
    world.env("FAULT", bug).shared_server().open().await.unwrap()
}

/// Returns the proofs (one for each sabotage of a case) whose result meets a condition.
fn select(all: &Proofs, predicate: fn(&SabotageResult) -> bool) -> Vec<&Proof> {
    all.proofs.iter().filter(|proof| predicate(&proof.result)).collect()
}

#[tokio::test]
async fn every_sabotage_is_caught() {
    let ProofResult::Done(all) = prove_all(&healthy().await).await else {
        panic!("the healthy runner fails without a sabotage")
    };
    assert_eq!(all.proofs.len(), 16 * 2, "expected 16 sabotages on each of 2 routes");
    let page = std::fs::read_to_string(repository("docs/verdicts.md")).unwrap();
    assert!(page.contains(" in 16 ways,"), "docs/verdicts.md has a different number of sabotages");
    let not_caught = select(&all, |result| !matches!(result, SabotageResult::Caught(_)));
    assert!(not_caught.is_empty(), "{not_caught:?}");
    assert_eq!((all.caught, all.missed, all.impossible), (16 * 2, 0, 0));
}

#[tokio::test]
async fn a_sabotage_without_effect_is_missed() {
    // This runner records spans with any value of the flag, so a misspelt value changes nothing.
    let ProofResult::Done(all) = prove_all(&faulty("lenient-flag").await).await else {
        panic!("the runner fails without a sabotage")
    };
    let missed = select(&all, |result| matches!(result, SabotageResult::Missed(_)));
    let names: Vec<_> = missed.iter().map(|proof| proof.name.as_str()).collect();
    assert_eq!(names, ["flag-misspelt"; 2]);
    assert_eq!(missed[0].expected_codes, ["flag-unset", "flag-unrecognised-value"]);
    assert_eq!(missed[0].result, SabotageResult::Missed("pass".into()));
    assert_eq!(all.missed, 2);
}

#[tokio::test]
async fn a_runner_that_fails_without_a_sabotage_is_not_sabotaged() {
    let ProofResult::Unhealthy(judgements) = prove_all(&faulty("not-linked").await).await else {
        panic!("the runner passes, although its spans are not linked")
    };
    let failed = judgements.iter().filter(|(_, judgement)| judgement.code().is_some()).count();
    assert_eq!((failed, judgements.len()), (2, 4));
}
