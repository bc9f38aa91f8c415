//! Tests of what only a run reports, and not the judgement of one trial: the pattern that the failing cases
//! have in common, the single changes that make failing cases pass, expected failures (failures that the
//! spec accepts until a date), and the codes that need further trials of a case.

use rstest::rstest;
use spanproof::{Case, RunOptions, World, cases, rejudge_run};
use spanproof_format::{Code, Evidence, PassingChange, Run, Verdict};

use crate::world::repository;

const FLAG: &str = "ENABLE_DB_TRACING";
/// The codes that only a run can report, and not the judgement of one trial. This module tests each of them.
pub(crate) const CODES_OF_RUNS: [Code; 3] =
    [Code::ExpectedFailurePassed, Code::Flaky, Code::SlowedByTracing];

/// Whether a run may add cases to find out which change makes a failing case pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExtraCases {
    Allowed,
    Forbidden,
}

/// Opens a world of the faulty runner with the defect `bug`. A world holds what the trials of all
/// cases share, such as the program and the Postgres server.
async fn world(bug: &str) -> World {
    let world =
        World::new(repository("spanproof.toml")).binary(env!("CARGO_BIN_EXE_faulty-runner"));
    world.env("FAULT", bug).shared_server().open().await.unwrap()
}

/// Runs the selected cases. Returns the document of the run and the number of extra cases.
pub(crate) async fn run(
    world: &World,
    select: impl Fn(&Case) -> bool,
    extra: ExtraCases,
) -> (Run, usize) {
    let all = cases(world.spec()).unwrap();
    let selected: Vec<Case> = all.into_iter().filter(select).collect();
    let folder = tempfile::tempdir().unwrap();
    let (_cancel, cancelled) = tokio::sync::watch::channel(false);
    let mut options = RunOptions::new(folder.path(), cancelled);
    options.workers = 4;
    options.probe = extra == ExtraCases::Allowed;
    options.today = "2026-01-01".parse().unwrap();
    let result = spanproof::run(world, &selected, options, |_| {}).await.unwrap();
    (result.document(world.spec(), &[], Vec::new()), result.extra_case_count())
}

/// Returns the single changes that make the failing cases pass, each as `name=value: spans`, with
/// the number of spans after the change. The run must have one group of failing cases.
fn passing_changes(run: &Run) -> Vec<String> {
    assert_eq!(run.failures.len(), 1, "{:#?}", run.failures);
    let changes = run.failures[0].passing_changes.iter();
    let text = |change: &PassingChange| {
        let value = change.value.as_deref().unwrap_or("nothing");
        format!("{}={value}: {}", change.name, change.spans)
    };
    changes.map(text).collect()
}

/// Returns whether a case should record spans and has no fault.
fn records_without_fault(case: &Case) -> bool {
    case.flag(FLAG).text() == Some("true") && case.fault.is_none()
}

#[tokio::test]
async fn extra_cases_explain_a_single_failing_case() {
    let one = |case: &Case| {
        records_without_fault(case)
            && case.route == "cross-region"
            && case.upstream == "healthy"
            && case.flag("HYBRID_ROUTER_DISABLE").text().is_none()
    };
    let world = world("cross-region-untraced").await;
    let (document, extra) = run(&world, one, ExtraCases::Allowed).await;
    assert!(passing_changes(&document).contains(&"route=queued: 8".to_owned()), "{document:#?}");
    assert_eq!(document.failures[0].pattern.as_deref(), Some("route=cross-region"));
    assert!((1..=12).contains(&extra), "{extra}");
    let (document, extra) = run(&world, one, ExtraCases::Forbidden).await;
    assert_eq!(
        (passing_changes(&document), &document.failures[0].pattern, extra),
        (Vec::new(), &None, 0)
    );
}

#[rstest]
#[case::route("cross-region-untraced", "route=cross-region and ENABLE_DB_TRACING=true")]
#[case::links("not-linked", "ENABLE_DB_TRACING=true")]
#[tokio::test]
async fn failing_cases_are_reported_as_one_pattern(#[case] bug: &str, #[case] pattern: &str) {
    let some = |case: &Case| {
        case.fault.is_none() && [None, Some("true"), Some("TRUE")].contains(&case.flag(FLAG).text())
    };
    let (document, extra) = run(&world(bug).await, some, ExtraCases::Allowed).await;
    assert_eq!(document.failures.len(), 1, "{document:#?}");
    assert_eq!(document.failures[0].pattern.as_deref(), Some(pattern));
    let found = passing_changes(&document).iter().any(|change| change.starts_with("route=queued"));
    assert_eq!(found, bug == "cross-region-untraced", "{document:#?}");
    assert_eq!(extra, 0, "the run added cases, although its own cases suffice");
}

#[tokio::test]
async fn an_expected_failure_does_not_fail_its_case() {
    let rule = "[{ code = 'path-not-executed', reason = 'soon', until = 2026-01-01, \
                when = { route = 'cross-region', ENABLE_DB_TRACING = 'true' } }]";
    let world = World::new(repository("spanproof.toml")).set("expected", rule);
    let world = world.binary(env!("CARGO_BIN_EXE_faulty-runner")).shared_server();
    let world = world.env("FAULT", "cross-region-untraced").open().await.unwrap();
    let (document, _) = run(&world, records_without_fault, ExtraCases::Allowed).await;
    let accepted = Verdict::Known("path-not-executed until 2026-01-01: soon".into());
    let known = document.cases.iter().filter(|case| case.verdict == accepted).count();
    assert_eq!(
        (known, document.summary.known, document.summary.failed),
        (5, 5, 0),
        "{document:#?}"
    );
}

#[tokio::test]
async fn an_expected_failure_that_passes_is_reported() {
    let rule = "[{ code = 'path-not-executed', reason = 'soon', until = 2026-01-01, \
                when = { route = 'cross-region', ENABLE_DB_TRACING = 'true' } }]";
    let world = World::new(repository("spanproof.toml")).set("expected", rule);
    let world = world.binary(env!("CARGO_BIN_EXE_runner")).shared_server().open().await.unwrap();
    let one = |case: &Case| records_without_fault(case) && case.upstream == "healthy";
    let (document, _) = run(&world, one, ExtraCases::Forbidden).await;
    for case in document.cases.iter().filter(|case| case.route == "cross-region") {
        let codes: Vec<Code> = case.verdict.findings().iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [Code::ExpectedFailurePassed], "{case:#?}");
    }
    assert_eq!((document.summary.failed, document.summary.passed), (2, 2), "{document:#?}");
}

/// The service reports success for each span and stores none. Without the database witness, which
/// collects evidence on the server, several reasons are possible.
#[tokio::test]
async fn an_undetermined_case_is_run_again_with_the_witness() {
    let world = world("rolled-back").await;
    let one = |case: &Case| {
        records_without_fault(case) && case.upstream == "slow" && case.route == "queued"
    };
    let (document, _) = run(&world, one, ExtraCases::Forbidden).await;
    let finding = &document.cases[0].verdict.findings()[0];
    assert_eq!(finding.code, Code::RolledBack);
    let witness = Evidence::Witness { begun: 8, tried: 8, written: 8, kept: 0 };
    assert!(finding.data.contains(&witness), "{finding:#?}");
}

/// Every second process of this service writes no span, starting with the first.
#[tokio::test]
async fn spans_that_are_missing_only_in_some_trials_are_flaky() {
    let folder = tempfile::tempdir().unwrap();
    let starts = folder.path().join("starts");
    let world = World::new(repository("fixtures/python-runner/spanproof.toml"));
    let world = world.set("service.command", "['/usr/bin/python3', 'faulty.py']");
    let world = world.set("service.flush-ms", "500").env("BUG", "sometimes");
    let world = world.env("STARTS", starts.to_str().unwrap()).shared_server().open().await.unwrap();
    let one = |case: &Case| {
        let is_plain = case.route == "now" && case.upstream == "answers" && case.fault.is_none();
        is_plain && case.flag("TRACING").text() == Some("on")
    };
    let all: Vec<Case> = cases(world.spec()).unwrap().into_iter().filter(one).collect();
    let (_cancel, cancelled) = tokio::sync::watch::channel(false);
    let mut options = RunOptions::new(folder.path().join("evidence"), cancelled);
    options.probe = false;
    let today = options.today;
    let result = spanproof::run(&world, &all, options, |_| {}).await.unwrap();
    let judged_again = rejudge_run(world.spec(), &folder.path().join("evidence"), today).unwrap();
    for result in [result, judged_again] {
        let judgement = &result.cases[0].judgement;
        assert_eq!(judgement.codes(), [Code::Flaky], "{judgement:#?}");
        let finding = judgement.findings()[0].to_string();
        let proof = "another trial, with the witness: no span is missing";
        assert!(finding.contains(proof), "expected {proof}\nfound {finding}");
        let count = "in 2 of 4 further trials of this case no span is missing";
        assert!(finding.contains(count), "expected {count}\nfound {finding}");
    }
}

/// A job that ends before its spans are written is not slow, however long the writes take.
#[rstest]
#[case::waits("slow-write", &[Code::SlowedByTracing])]
#[case::writes_later("late", &[])]
#[tokio::test]
async fn a_job_that_waits_for_its_spans_is_slowed_by_tracing(
    #[case] defect: &str,
    #[case] expected: &[Code],
) {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(repository("fixtures/silent-service/spanproof.toml"));
    let world = world.set("service.command", "['/usr/bin/perl', '-I.', 'faulty.pl']");
    let world = world.env("DEFECT", defect).shared_server().open().await.unwrap();
    let all: Vec<Case> = cases(world.spec()).unwrap();
    let (_cancel, cancelled) = tokio::sync::watch::channel(false);
    let options = RunOptions::new(folder.path(), cancelled);
    let today = options.today;
    let result = spanproof::run(&world, &all, options, |_| {}).await.unwrap();
    let judged_again = rejudge_run(world.spec(), folder.path(), today).unwrap();
    for result in [result, judged_again] {
        let codes: Vec<_> = result.cases.iter().flat_map(|case| case.judgement.codes()).collect();
        assert_eq!(codes, expected, "{:#?}", result.cases);
    }
}

/// Evidence contains masked flags, but a further trial of its case needs the real values.
#[tokio::test]
async fn a_second_trial_has_the_real_values_of_secret_flags() {
    let flags = "[{ name = 'TRACING', tracing = true, values = ['off', 'on'] }, \
                 { name = 'API_TOKEN', values = ['hunter3'] }]";
    let world = World::new(repository("fixtures/python-runner/spanproof.toml"));
    let world = world.set("service.command", "['/usr/bin/python3', 'faulty.py']");
    let world = world.set("service.flush-ms", "500").set("flag", flags).set("fault", "[]");
    let world = world.env("BUG", "only-with-token").shared_server().open().await.unwrap();
    let one = |case: &Case| {
        case.route == "now"
            && case.upstream == "answers"
            && case.flag("TRACING").text() == Some("on")
    };
    let (document, _) = run(&world, one, ExtraCases::Forbidden).await;
    let codes: Vec<_> = document.cases[0].verdict.findings().iter().map(|one| one.code).collect();
    assert_eq!(codes, [Code::NeverSent], "{document:#?}");
}
