//! The gate can fail: every sabotage of a healthy runner is caught by the right code, and one that
//! goes unnoticed is missed.

use spanproof::{Proven, World, cases, prove};
use spanproof_format::{Proof, ProofResult, Proofs};

use crate::world::{healthy, repository};

async fn proven(world: &World) -> Proven {
    let (_cancel, cancelled) = tokio::sync::watch::channel(false);
    let all = cases(world.spec()).unwrap();
    prove(world, &all, 4, cancelled).await.unwrap().unwrap()
}

async fn faulty(bug: &str) -> World {
    let world = World::of(repository("spanproof.toml")).binary(env!("CARGO_BIN_EXE_faulty-runner"));
    world.env("FAULT", bug).shared_server().open().await.unwrap()
}

fn with(all: &Proofs, wanted: fn(&ProofResult) -> bool) -> Vec<&Proof> {
    all.proofs.iter().filter(|proof| wanted(&proof.result)).collect()
}

#[tokio::test]
async fn every_sabotage_of_the_healthy_runner_is_caught() {
    let Proven::Done(all) = proven(&healthy().await).await else { panic!("not healthy") };
    assert_eq!(all.proofs.len(), 16 * 2, "each on both routes");
    let others = with(&all, |result| !matches!(result, ProofResult::Caught(_)));
    assert!(others.is_empty(), "{others:?}");
    assert_eq!((all.caught, all.missed, all.impossible), (16 * 2, 0, 0));
}

#[tokio::test]
async fn a_sabotage_that_changes_nothing_is_missed() {
    let Proven::Done(all) = proven(&faulty("lenient-flag").await).await else {
        panic!("healthy for the values that are sabotaged")
    };
    let missed = with(&all, |result| matches!(result, ProofResult::Missed(_)));
    let names: Vec<_> = missed.iter().map(|proof| proof.name.as_str()).collect();
    assert_eq!(names, ["flag-misspelt"; 2]);
    assert_eq!(missed[0].right, ["flag-unset", "flag-unrecognised-value"]);
    assert_eq!(missed[0].result, ProofResult::Missed("pass".into()));
    assert_eq!(all.missed, 2);
}

#[tokio::test]
async fn what_is_not_healthy_is_not_sabotaged() {
    let Proven::Unhealthy(judgements) = proven(&faulty("not-linked").await).await else {
        panic!("spans without links are not healthy")
    };
    let red = judgements.iter().filter(|(_, judgement)| judgement.code().is_some()).count();
    assert_eq!((red, judgements.len()), (2, 4));
}
