//! What a report says beyond the code: what failing cases have in common, and what alone would
//! make them pass, found out by extra cases where the run does not tell.

use std::path::PathBuf;

use rstest::rstest;
use spanproof::matrix::{Case, cases};
use spanproof::report;
use spanproof::suite::{self, Keep, Options, Ran};
use spanproof::trial::World;

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
async fn run(bug: &str, name: &str, of: impl Fn(&Case) -> bool, probe: bool) -> (String, usize) {
    let world = world(bug).await;
    let all = cases(world.spec()).unwrap();
    let picked: Vec<Case> = all.into_iter().filter(of).collect();
    let name = format!("spanproof-reasons-{}-{bug}-{name}", std::process::id());
    let folder = Folder(std::env::temp_dir().join(name));
    let (_cancel, cancelled) = tokio::sync::watch::channel(false);
    let (evidence, keep) = (folder.0.clone(), Keep::Nothing);
    let options = Options { workers: 4, evidence, keep, witness: false, probe, cancelled };
    let ran: Ran = suite::run(&world, &picked, options, |_| {}).await.unwrap();
    (report::terminal(world.spec(), &ran, &[], "spanproof check"), ran.probes.len())
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
    let (text, extra) = run("cross-region-untraced", "one", one, true).await;
    assert!(text.contains("but:      setting route=queued alone makes 8 spans appear"), "{text}");
    assert!(text.contains("whenever: route=cross-region\n"), "{text}");
    assert!((1..=12).contains(&extra), "{extra}");
    let (text, extra) = run("cross-region-untraced", "none", one, false).await;
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
    let (text, extra) = run(bug, "many", some, true).await;
    assert!(text.contains(&format!("whenever: {pattern}\n")), "{text}");
    assert_eq!(text.matches("\nFAIL ").count(), 1, "{text}");
    let found = bug == "cross-region-untraced";
    assert_eq!(text.contains("setting route=queued alone"), found, "{text}");
    assert_eq!(extra, 0, "the run tells it already");
}
