//! What a report says beyond the code: what failing cases have in common, and what alone would
//! make them pass, found out by extra cases where the run does not tell.

use std::path::PathBuf;

use rstest::rstest;
use spanproof::matrix::{Case, cases};
use spanproof::outcome;
use spanproof::suite::{self, Keep, Options, RunResult};
use spanproof::trial::World;
use spanproof_cli::report;

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

/// Runs some of the cases and gives the report, and how many extra cases were run.
async fn run(
    world: &World,
    name: &str,
    of: impl Fn(&Case) -> bool,
    probe: bool,
) -> (String, usize) {
    let all = cases(world.spec()).unwrap();
    let picked: Vec<Case> = all.into_iter().filter(of).collect();
    let name = format!("spanproof-reasons-{}-{name}", std::process::id());
    let folder = Folder(std::env::temp_dir().join(name));
    let (_cancel, cancelled) = tokio::sync::watch::channel(false);
    let (evidence, keep) = (folder.0.clone(), Keep::Nothing);
    let today = "2026-01-01".parse().unwrap();
    let options = Options { workers: 4, evidence, keep, witness: false, probe, today, cancelled };
    let ran: RunResult = suite::run(world, &picked, options, |_| {}).await.unwrap();
    let run = outcome::run(world.spec(), &ran, &[], &[]);
    (report::terminal(&run, "spanproof check"), ran.probes.len())
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
    let (text, extra) = run(&world, "one", one, true).await;
    assert!(text.contains("but:      setting route=queued alone makes 8 spans appear"), "{text}");
    assert!(text.contains("whenever: route=cross-region\n"), "{text}");
    assert!((1..=12).contains(&extra), "{extra}");
    let (text, extra) = run(&world, "none", one, false).await;
    assert!(!text.contains("but:") && !text.contains("whenever:") && extra == 0, "{text}");
}

#[rstest]
#[case::route("cross-region-untraced", "route=cross-region and ENABLE_DB_TRACING=true")]
#[case::links("not-linked", "ENABLE_DB_TRACING=true")]
#[tokio::test]
async fn many_failing_cases_are_told_as_one_pattern(#[case] bug: &str, #[case] pattern: &str) {
    let some = |case: &Case| {
        case.fault.is_none() && [None, Some("true"), Some("TRUE")].contains(&case.flag(FLAG).text())
    };
    let (text, extra) = run(&world(bug).await, bug, some, true).await;
    assert!(text.contains(&format!("whenever: {pattern}\n")), "{text}");
    assert_eq!(text.matches("\nFAIL ").count(), 1, "{text}");
    let found = bug == "cross-region-untraced";
    assert_eq!(text.contains("setting route=queued alone"), found, "{text}");
    assert_eq!(extra, 0, "the run tells it already");
}

#[tokio::test]
async fn a_known_failure_is_told_and_fails_nothing() {
    let rule = "[{ code = 'path-not-executed', reason = 'soon', until = 2026-01-01, \
                when = { route = 'cross-region', ENABLE_DB_TRACING = 'true' } }]";
    let world = World::of(repository("spanproof.toml")).set("expected", rule);
    let world = world.binary(env!("CARGO_BIN_EXE_faulty-runner")).shared_server();
    let world = world.env("FAULT", "cross-region-untraced").open().await.unwrap();
    let (text, _) = run(&world, "known", recording, true).await;
    let known = text.matches("known: path-not-executed until 2026-01-01: soon").count();
    assert_eq!((known, text.matches("FAIL").count()), (5, 0), "{text}");
}

/// The service acknowledges each span, so that its own words leave several reasons.
#[tokio::test]
async fn a_case_that_its_own_evidence_leaves_open_is_looked_at_a_second_time() {
    let world = world("rolled-back").await;
    let one = |case: &Case| recording(case) && case.upstream == "slow" && case.route == "queued";
    let (text, _) = run(&world, "second", one, false).await;
    assert!(text.contains("FAIL rolled-back: "), "{text}");
    assert!(text.contains("witness: 8 inserting statements began, 8 rows were tried"), "{text}");
}
