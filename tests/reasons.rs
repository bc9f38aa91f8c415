//! What a report says beyond the code: what failing cases have in common, and what alone would
//! make them pass, found out by extra cases where the run does not tell.

use std::path::PathBuf;

use rstest::rstest;
use spanproof::{Case, RunOptions, World, cases};
use spanproof_format::{Code, Counterfactual, Evidence, Run, Verdict};

use crate::world::repository;

const FLAG: &str = "ENABLE_DB_TRACING";

/// A folder for evidence, removed at the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

async fn world(bug: &str) -> World {
    let world = World::of(repository("spanproof.toml")).binary(env!("CARGO_BIN_EXE_faulty-runner"));
    world.env("FAULT", bug).shared_server().open().await.unwrap()
}

/// Runs some of the cases; returns the document of the run, and how many extra cases were run.
async fn run(world: &World, name: &str, of: impl Fn(&Case) -> bool, probe: bool) -> (Run, usize) {
    let all = cases(world.spec()).unwrap();
    let picked: Vec<Case> = all.into_iter().filter(of).collect();
    let name = format!("spanproof-reasons-{}-{name}", std::process::id());
    let folder = Folder(std::env::temp_dir().join(name));
    let (_cancel, cancelled) = tokio::sync::watch::channel(false);
    let mut options = RunOptions::new(&folder.0, cancelled);
    (options.workers, options.probe) = (4, probe);
    options.today = "2026-01-01".parse().unwrap();
    let ran = spanproof::run(world, &picked, options, |_| {}).await.unwrap();
    (ran.document(world.spec(), &[], Vec::new()), ran.extra_cases())
}

/// The counterfactuals of a run's only group of failures, as `name=value: spans`.
fn counterfactuals(run: &Run) -> Vec<String> {
    assert_eq!(run.failures.len(), 1, "{:#?}", run.failures);
    let facts = run.failures[0].counterfactuals.iter();
    let text = |fact: &Counterfactual| {
        let value = fact.value.as_deref().unwrap_or("nothing");
        format!("{}={value}: {}", fact.name, fact.spans)
    };
    facts.map(text).collect()
}

fn recording(case: &Case) -> bool {
    case.flag(FLAG).text() == Some("true") && case.fault.is_none()
}

#[tokio::test]
async fn one_failing_case_is_explained_by_extra_ones() {
    let one = |case: &Case| {
        recording(case)
            && case.route == "cross-region"
            && case.upstream == "healthy"
            && case.flag("HYBRID_ROUTER_DISABLE").text().is_none()
    };
    let world = world("cross-region-untraced").await;
    let (ran, extra) = run(&world, "one", one, true).await;
    assert!(counterfactuals(&ran).contains(&"route=queued: 8".to_owned()), "{ran:#?}");
    assert_eq!(ran.failures[0].whenever.as_deref(), Some("route=cross-region"));
    assert!((1..=12).contains(&extra), "{extra}");
    let (ran, extra) = run(&world, "none", one, false).await;
    assert_eq!((counterfactuals(&ran), &ran.failures[0].whenever, extra), (Vec::new(), &None, 0));
}

#[rstest]
#[case::route("cross-region-untraced", "route=cross-region and ENABLE_DB_TRACING=true")]
#[case::links("not-linked", "ENABLE_DB_TRACING=true")]
#[tokio::test]
async fn many_failing_cases_are_told_as_one_pattern(#[case] bug: &str, #[case] pattern: &str) {
    let some = |case: &Case| {
        case.fault.is_none() && [None, Some("true"), Some("TRUE")].contains(&case.flag(FLAG).text())
    };
    let (ran, extra) = run(&world(bug).await, bug, some, true).await;
    assert_eq!(ran.failures.len(), 1, "{ran:#?}");
    assert_eq!(ran.failures[0].whenever.as_deref(), Some(pattern));
    let found = counterfactuals(&ran).iter().any(|fact| fact.starts_with("route=queued"));
    assert_eq!(found, bug == "cross-region-untraced", "{ran:#?}");
    assert_eq!(extra, 0, "the run tells it already");
}

#[tokio::test]
async fn a_known_failure_is_told_and_fails_nothing() {
    let rule = "[{ code = 'path-not-executed', reason = 'soon', until = 2026-01-01, \
                when = { route = 'cross-region', ENABLE_DB_TRACING = 'true' } }]";
    let world = World::of(repository("spanproof.toml")).set("expected", rule);
    let world = world.binary(env!("CARGO_BIN_EXE_faulty-runner")).shared_server();
    let world = world.env("FAULT", "cross-region-untraced").open().await.unwrap();
    let (ran, _) = run(&world, "known", recording, true).await;
    let accepted = Verdict::Known("path-not-executed until 2026-01-01: soon".into());
    let known = ran.cases.iter().filter(|case| case.verdict == accepted).count();
    assert_eq!((known, ran.summary.known, ran.summary.failed), (5, 5, 0), "{ran:#?}");
}

/// The service acknowledges each span, so that its own words leave several reasons.
#[tokio::test]
async fn a_case_that_its_own_evidence_leaves_open_is_looked_at_a_second_time() {
    let world = world("rolled-back").await;
    let one = |case: &Case| recording(case) && case.upstream == "slow" && case.route == "queued";
    let (ran, _) = run(&world, "second", one, false).await;
    let finding = &ran.cases[0].verdict.findings()[0];
    assert_eq!(finding.code, Code::RolledBack);
    let witness = Evidence::Witness { begun: 8, tried: 8, written: 8, kept: 0 };
    assert!(finding.data.contains(&witness), "{finding:#?}");
}
