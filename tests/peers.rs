//! Tests of verdicts that depend on the peers of a case: the cases that are judged together with it.

use spanproof::{Observation, World, judge_all};
use spanproof_format::Code;

use crate::world::faulty;

const FLAG: &str = "ENABLE_DB_TRACING";

/// Runs a trial (one run) of the faulty runner with the defect `bug`. `value` is the value of the
/// tracing flag.
async fn observe(world: &World, bug: &str, value: &str, route: &str) -> Observation {
    let trial = world.trial().flag(FLAG, value).env("FAULT", bug).route(route);
    trial.run().await.unwrap()
}

/// Judges the observations together and returns the code of each; `None` for a pass.
fn codes(world: &World, observations: &[Observation]) -> Vec<Option<Code>> {
    judge_all(world.spec(), observations).iter().map(spanproof::Judgement::code).collect()
}

#[tokio::test]
async fn an_untraced_route_fails_if_another_route_is_traced() {
    let world = faulty().await;
    let queued = observe(&world, "cross-region-untraced", "true", "queued").await;
    let cross_region = observe(&world, "cross-region-untraced", "true", "cross-region").await;
    let codes = codes(&world, &[queued, cross_region]);
    assert_eq!(codes, [None, Some(Code::PathNotExecuted)]);
}

#[tokio::test]
async fn the_startup_line_of_the_tracer_is_contradicted_if_no_route_is_traced() {
    let world = faulty().await;
    let queued = observe(&world, "banner-lies", "true", "queued").await;
    let cross_region = observe(&world, "banner-lies", "true", "cross-region").await;
    for judgement in judge_all(world.spec(), &[queued, cross_region]) {
        assert_eq!(judgement.codes(), [Code::PathNotExecuted, Code::BannerContradicts]);
    }
}

#[tokio::test]
async fn an_outcome_changed_by_tracing_fails_the_case_with_tracing() {
    let world = faulty().await;
    let off = observe(&world, "outcome", "false", "queued").await;
    let on = observe(&world, "outcome", "true", "queued").await;
    let codes = codes(&world, &[off, on]);
    assert_eq!(codes, [None, Some(Code::OutcomeChangedByTracing)]);
}
