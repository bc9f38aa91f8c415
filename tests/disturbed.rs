//! Faults of the world: the healthy runner says what it loses, does its jobs all the same and
//! records again afterwards; a runner that does not is told.

use rstest::rstest;
use spanproof::FaultKind;
use spanproof::Observation;
use spanproof::World;
use spanproof::{Judgement, judge, judge_all};

use crate::world::{faulty, healthy, repository};

const FLAG: &str = "ENABLE_DB_TRACING";

async fn under(world: &World, fault: &str, bug: &str, route: &str) -> Observation {
    let trial = world.trial().flag(FLAG, "true").env("FAULT", bug).route(route);
    trial.fault(fault).run().await.unwrap()
}

fn code(judgement: &Judgement) -> &'static str {
    judgement.code().map_or("pass", spanproof_format::Code::text)
}

/// What the runner says under each fault, and how many of its eight spans are there.
#[rstest]
#[case("insert-revoked", "permission denied for table trace_spans", 0)]
#[case("table-missing", "relation \"trace_spans\" does not exist", 0)]
#[case("column-missing", "column \"operation\" of relation \"trace_spans\" does not exist", 0)]
#[case("read-only", "cannot execute INSERT in a read-only transaction", 0)]
#[case("locked", "canceling statement due to ", 0)]
#[case("statement-timeout", "canceling statement due to statement timeout", 0)]
#[case("lock-timeout", "canceling statement due to lock timeout", 0)]
#[case("connection-limit", "is not currently accepting connections", 0)]
#[case("backend-terminated", "terminating connection due to administrator command", 0)]
#[case("commit-refused", "violates a check at the commit", 0)]
#[case("discarded", "the span is not in the database", 0)]
#[case("killed-mid-job", "StartSpan RecordSpan success", 8)]
#[case("killed-at-exit", "StartSpan RecordSpan success", 8)]
#[tokio::test]
async fn the_healthy_runner_reports_what_it_loses_and_recovers(
    #[case] fault: &str,
    #[case] said: &str,
    #[case] spans: usize,
    #[values("queued", "cross-region")] route: &str,
) {
    let world = healthy().await;
    let observation = under(&world, fault, "", route).await;
    judge(world.spec(), &observation).passed().unwrap();
    let trial = observation.trial().unwrap();
    let output = trial.run.output.tail(usize::MAX);
    assert!(output.contains(said), "expected {said}\nfound {output}");
    assert_eq!(observation.tables.spans.all().len(), spans);
    let second = trial.second.as_ref().unwrap();
    assert_eq!(second.tables.spans.all().len(), 8, "all of the next job's");
}

/// Whether the fault of the kind `sql` happens and is put right.
#[tokio::test]
async fn a_fault_of_ones_own_is_two_files() {
    let own = "[{ kind = 'sql', name = 'own', apply = 'fixtures/faults/refuse.sql', \
               clear = 'fixtures/faults/accept.sql' }]";
    let world = World::of(repository("spanproof.toml")).set("fault", own);
    let world = world.binary(env!("CARGO_BIN_EXE_runner")).shared_server().open().await.unwrap();
    let observation = under(&world, "own", "", "queued").await;
    judge(world.spec(), &observation).passed().unwrap();
    let output = observation.trial().unwrap().run.output.tail(usize::MAX);
    assert!(output.contains("none_fits"), "{output}");
    assert_eq!(observation.tables.spans.all().len(), 0);
}

#[tokio::test]
async fn the_spec_has_every_kind_that_a_table_beside_the_work_can_meet() {
    let spec = healthy().await.spec().clone();
    let missing = FaultKind::ALL.iter().filter(|kind| !spec.has_fault(**kind));
    let missing: Vec<_> = missing.map(|kind| kind.text()).collect();
    assert_eq!(missing, ["schema-missing", "sql"]);
}

#[rstest]
#[case::silent("insert-revoked", "silent-write-failure", "write-failed-silent", "0 of 4")]
#[case::silent_timeout("locked", "silent-write-failure", "write-failed-silent", "0 of 4")]
#[case::gives_up("insert-revoked", "gives-up", "not-recovered", "RecordSpan error")]
#[case::gives_up_once("backend-terminated", "gives-up", "not-recovered", "RecordSpan error")]
#[case::late("killed-mid-job", "written-late", "lost-at-exit", "SIGKILL, on purpose")]
#[tokio::test]
async fn a_runner_that_does_not_is_told(
    #[case] fault: &str,
    #[case] bug: &str,
    #[case] expected: &str,
    #[case] proof: &str,
    #[values("queued", "cross-region")] route: &str,
) {
    let world = faulty().await;
    let judgement = judge(world.spec(), &under(&world, fault, bug, route).await);
    assert_eq!(code(&judgement), expected, "{judgement:?}");
    let told = judgement.findings()[0].to_string();
    assert!(told.contains(proof), "expected {proof}\nfound {told}");
}

#[tokio::test]
async fn a_job_that_a_lost_span_takes_down_is_told_beside_one_without_the_fault() {
    let world = faulty().await;
    let bug = "span-error-panics";
    let calm = world.trial().flag(FLAG, "true").env("FAULT", bug).run().await.unwrap();
    let lost = under(&world, "table-missing", bug, "queued").await;
    let judgements = judge_all(world.spec(), &[calm, lost]);
    let codes: Vec<_> = judgements.iter().map(code).collect();
    assert_eq!(codes, ["pass", "outcome-changed-by-tracing"], "{:?}", judgements[1]);
}

#[tokio::test]
async fn a_fault_that_the_spec_does_not_have_is_named_with_the_nearest() {
    let world = healthy().await;
    let error = world.trial().fault("table-mising").start().await.unwrap_err();
    let expected = "the spec has no fault `table-mising`; did you mean `table-missing`?";
    assert_eq!(error.to_string(), expected);
}
