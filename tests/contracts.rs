//! Tests of the contracts of flags, with a service that has several flags. The contract of a flag is what the
//! spec promises about its values: which of them switch it on, and what the service does then.

use rstest::rstest;
use spanproof::{Observation, World, judge};
use spanproof_format::Code;

use crate::world::repository;

/// Runs the service with these flags. `defect` names a defect of the service; empty for none.
async fn run(defect: &str, flags: &[(&str, &str)]) -> (World, Observation) {
    let world = World::new(repository("fixtures/newsletter/spanproof.toml"));
    let world = world.env("DEFECT", defect).shared_server().open().await.unwrap();
    let trial = world.trial().flag("TRACING", "true");
    let trial = flags.iter().fold(trial, |trial, (name, value)| trial.flag(name, *value));
    let observation = trial.run().await.unwrap();
    (world, observation)
}

#[rstest]
#[case::defaults(&[])]
#[case::with_what_it_needs(&[("CACHE", "true"), ("STORE", "table")])]
#[case::without_what_it_needs(&[("CACHE", "true")])]
#[case::off(&[("SCORING_OFF", "true")])]
#[tokio::test]
async fn a_service_that_keeps_its_contract_passes(#[case] flags: &[(&str, &str)]) {
    let (world, observation) = run("", flags).await;
    judge(world.spec(), &observation).passed().unwrap();
}

#[rstest]
#[case::no_effect("deaf", &[("CACHE", "true"), ("STORE", "table")], Code::FlagWithoutEffect,
    "CACHE=true is on, and leaves no line at startup that matches `^cache: on,`")]
#[case::effect_while_off("eager", &[("STORE", "table")], Code::FlagEffectWhileOff,
    "CACHE=unset is off, and leaves a span `cache.put`")]
#[case::effect_without_needs("eager", &[("CACHE", "true")], Code::FlagEffectWhileOff,
    "CACHE=true is off without STORE=table, and leaves a span `cache.put`")]
#[tokio::test]
async fn a_broken_contract_is_reported(
    #[case] defect: &str,
    #[case] flags: &[(&str, &str)],
    #[case] code: Code,
    #[case] message: &str,
) {
    let (world, observation) = run(defect, flags).await;
    let judgement = judge(world.spec(), &observation);
    assert!(judgement.codes().contains(&code), "{judgement:?}");
    let findings: String = judgement.findings().iter().map(ToString::to_string).collect();
    assert!(findings.contains(message), "{findings}");
}
