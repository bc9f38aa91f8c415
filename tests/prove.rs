//! The gate can fail: every sabotage of a healthy runner is told by the right code, and one that
//! goes unnoticed is told as missed.

use spanproof::matrix::cases;
use spanproof::outcome;
use spanproof::suite::{Proof, Proven, Told, prove};
use spanproof::trial::World;
use spanproof_cli::report::proofs;

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

fn told(all: &[Proof], wanted: fn(&Told) -> bool) -> Vec<&'static str> {
    all.iter().filter(|proof| wanted(&proof.told)).map(|proof| proof.name).collect()
}

#[tokio::test]
async fn every_sabotage_of_the_healthy_runner_is_caught() {
    let Proven::Done(all) = proven(&healthy().await).await else { panic!("not healthy") };
    assert_eq!(all.len(), 16 * 2, "each on both routes");
    let others = told(&all, |told| !matches!(told, Told::Caught(_)));
    assert!(others.is_empty(), "{others:?}\n{}", proofs(&outcome::proofs(&all)));
}

#[tokio::test]
async fn a_sabotage_that_changes_nothing_is_missed() {
    let Proven::Done(all) = proven(&faulty("lenient-flag").await).await else {
        panic!("healthy for the values that are sabotaged")
    };
    assert_eq!(told(&all, |told| matches!(told, Told::Missed(_))), ["flag-misspelt"; 2]);
    let text = proofs(&outcome::proofs(&all));
    assert!(text.contains("MISSED flag-misspelt by queued"), "{text}");
    assert!(text.contains("expected flag-unset or flag-unrecognised-value, found pass"), "{text}");
}

#[tokio::test]
async fn what_is_not_healthy_is_not_sabotaged() {
    let Proven::Unhealthy(judgements) = proven(&faulty("not-linked").await).await else {
        panic!("spans without links are not healthy")
    };
    let red = judgements.iter().filter(|(_, judgement)| judgement.code().is_some()).count();
    assert_eq!((red, judgements.len()), (2, 4));
}
