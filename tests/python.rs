//! Tests of a service in Python, with a schema and log lines that differ from those of the runner. The
//! healthy service passes every case of its spec. Each bug of the faulty service is reported with its
//! own code.

use std::time::Duration;

use rstest::rstest;
use spanproof::{Case, Observation, ProofResult, Timeouts, World, cases, judge, judge_all, prove};
use spanproof_format::Code;
use tokio::task::JoinSet;

use crate::reasons::{self, ExtraCases};
use crate::world::repository;

/// Number of cases that run at the same time.
const WORKERS: usize = 4;

/// Opens a world: what trials (runs of the service) share, such as the Postgres server and the Python
/// file `program`. `bug` names a bug of the faulty service; empty for the healthy service.
async fn world(program: &str, bug: &str) -> World {
    let world = World::new(repository("fixtures/python-runner/spanproof.toml"));
    let world = world.set("service.command", &format!("['/usr/bin/python3', '{program}']"));
    world.env("BUG", bug).shared_server().open().await.unwrap()
}

#[tokio::test]
async fn the_healthy_service_passes_every_case_of_its_spec() {
    let world = world("runner.py", "").await;
    let mut waiting = cases(world.spec()).unwrap().into_iter();
    let (mut running, mut observations) = (JoinSet::new(), Vec::new());
    loop {
        for case in waiting.by_ref().take(WORKERS - running.len()) {
            let world = world.clone();
            running.spawn(async move { world.trial_for(&case).run().await.unwrap() });
        }
        let Some(ended) = running.join_next().await else { break };
        observations.push(ended.unwrap());
    }
    assert_eq!(observations.len(), 54);
    let (without_fault, with_fault): (Vec<_>, Vec<_>) =
        observations.iter().partition(|observation| observation.case.fault.is_none());
    let count = |observation: &&Observation| observation.tables.spans.all().len();
    let span_count: usize = without_fault.iter().map(count).sum();
    assert_eq!(span_count, 20 * 6, "6 spans in each recording case");
    // The fault is removed as soon as the service reports the first lost batch of spans. A later
    // batch can then be written, so not all spans need be lost.
    for observation in with_fault {
        assert!(count(&observation) < 6, "{:?}", observation.case);
    }
    for judgement in judge_all(world.spec(), &observations) {
        judgement.passed().unwrap();
    }
}

#[rstest]
#[case::poisoned("poisoned", "on", "batch-poisoned", "server log: 23505 duplicate key value")]
#[case::rolled_back("rolled-back", "on", "rolled-back", "6 written, 0 are kept")]
#[case::ignored("ignored", "on", "silently-discarded", "6 rows were tried, 1 written")]
#[case::elsewhere("elsewhere", "on", "wrong-destination", "tenant.spans: 6 rows")]
#[case::swallowed("swallowed", "on", "write-failed-silent", "25006 cannot execute INSERT")]
#[case::unflushed("unflushed", "on", "never-sent", "0 inserting statements began")]
#[case::strict("strict", "ON", "flag-unrecognised-value", "\"state\": \"idle\", \"value\": \"ON\"")]
#[tokio::test]
async fn each_bug_gets_its_code(
    #[case] bug: &str,
    #[case] value: &str,
    #[case] code: &str,
    #[case] proof: &str,
    #[values("later", "now")] route: &str,
) {
    let world = world("faulty.py", bug).await;
    // The missing spans never arrive, so a short wait is enough.
    let timeouts = Timeouts { flush: Some(Duration::from_millis(500)), ..Timeouts::default() };
    let trial = world.trial().flag("TRACING", value).route(route).timeouts(timeouts).witness();
    let judgement = judge(world.spec(), &trial.run().await.unwrap());
    // With the bug `ignored`, all spans have the same id, which is zero.
    let others: &[Code] = if bug == "ignored" { &[Code::InvalidIds] } else { &[] };
    assert_eq!(judgement.codes()[1..], *others, "{judgement:?}");
    let finding = &judgement.findings()[0];
    assert_eq!(finding.code.text(), code, "{finding}");
    assert!(finding.to_string().contains(proof), "expected {proof}\nfound {finding}");
}

#[tokio::test]
async fn an_untraced_route_fails_if_another_route_is_traced() {
    let world = world("faulty.py", "untraced").await;
    let mut observations = Vec::new();
    for route in ["later", "now"] {
        observations.push(world.trial().flag("TRACING", "on").route(route).run().await.unwrap());
    }
    let judgements = judge_all(world.spec(), &observations);
    let codes: Vec<_> = judgements.iter().map(|one| one.code().map(Code::text)).collect();
    assert_eq!(codes, [None, Some("path-not-executed")]);
}

#[tokio::test]
async fn every_sabotage_is_caught() {
    let world = world("runner.py", "").await;
    let (_cancel, cancelled) = tokio::sync::watch::channel(false);
    let all = cases(world.spec()).unwrap();
    let proven = prove(&world, &all, WORKERS, cancelled).await.unwrap().unwrap();
    let ProofResult::Done(all) = proven else { panic!("the service is not healthy: {proven:?}") };
    assert_eq!((all.caught, all.proofs.len()), (16 * 2, 16 * 2), "{all:?}");
}

/// Every second process of this service ends its job with an error, with and without tracing.
#[tokio::test]
async fn a_service_whose_results_vary_gets_no_finding() {
    let folder = tempfile::tempdir().unwrap();
    let starts = folder.path().join("starts");
    let world = World::new(repository("fixtures/python-runner/spanproof.toml"));
    let program = "['/usr/bin/python3', 'faulty.py']";
    let world = world.set("service.command", program).env("BUG", "alternating");
    let world = world.env("STARTS", starts.to_str().unwrap()).shared_server().open().await.unwrap();
    let pair = |case: &Case| {
        let is_plain = case.route == "now" && case.upstream == "answers" && case.fault.is_none();
        is_plain && [None, Some("on")].contains(&case.flag("TRACING").text())
    };
    let (document, _) = reasons::run(&world, pair, ExtraCases::Forbidden).await;
    assert_eq!((document.summary.passed, document.summary.failed), (2, 0), "{document:#?}");
    let count = std::fs::read_to_string(starts).unwrap().lines().count();
    assert!(count > 2, "the two cases had the same outcome, so nothing was tested");
}
