//! Tests of faults outside the runner, such as a locked table. If a fault stops the healthy runner from
//! writing spans, the runner reports the lost spans and completes its job. If the runner is killed, it
//! loses no span. After each fault it records spans again.

use rstest::rstest;
use spanproof::{FaultKind, Observation, World, judge, judge_all};
use spanproof_format::Code;

use crate::world::{faulty, healthy, repository};

/// Runs a trial (one run of the service) while `fault`, a fault outside the runner, is in force. `defect`
/// names a defect inside the faulty runner, which reads it from `FAULT`; empty for the healthy runner.
async fn observe(world: &World, fault: &str, defect: &str, route: &str) -> Observation {
    let trial = world.trial().flag("ENABLE_DB_TRACING", "true").env("FAULT", defect).route(route);
    trial.fault(fault).run().await.unwrap()
}

/// Each test case is a fault, text that the runner prints while the fault is in force, and how many
/// of eight spans are stored. The two faults that kill the runner lose no span.
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
#[case("discarded", "the database has no open span with this id", 0)]
#[case("killed-mid-job", "StartSpan RecordSpan success", 8)]
#[case("killed-at-exit", "StartSpan RecordSpan success", 8)]
#[tokio::test]
async fn the_healthy_runner_keeps_or_reports_its_spans_and_recovers(
    #[case] fault: &str,
    #[case] text: &str,
    #[case] spans: usize,
    #[values("queued", "cross-region")] route: &str,
) {
    let world = healthy().await;
    let observation = observe(&world, fault, "", route).await;
    judge(world.spec(), &observation).passed().unwrap();
    let trial = observation.trial().unwrap();
    let output = trial.run.output.tail(usize::MAX);
    assert!(output.contains(text), "expected {text}\nfound {output}");
    assert_eq!(observation.tables.spans.all().len(), spans);
    let second = trial.second_job.as_ref().unwrap();
    assert_eq!(second.tables.spans.all().len(), 8, "the second job lacks spans");
    let errors = second.server_errors.as_ref().unwrap();
    // 08006: a session whose client has exited.
    let only_exits = errors.iter().all(|error| error.state == "08006");
    assert!(only_exits, "errors of the second job: {errors:?}");
}

/// The SQL file that should undo the fault makes the span table refuse the spans of the second job.
#[tokio::test]
async fn errors_of_the_server_after_a_fault_explain_why_the_second_job_lacks_spans() {
    let fault = "[{ kind = 'sql', name = 'own', apply = 'fixtures/faults/nothing.sql', \
                 clear = 'fixtures/faults/refuse.sql' }]";
    let world = World::new(repository("spanproof.toml")).set("fault", fault);
    let world = world
        .set("probes", "{ refused = 'never printed' }")
        .binary(env!("CARGO_BIN_EXE_faulty-runner"));
    let world = world.shared_server().open().await.unwrap();
    let observation = observe(&world, "own", "silent-write-failure", "queued").await;
    let judgement = judge(world.spec(), &observation);
    assert_eq!(judgement.code(), Some(Code::NotRecovered), "{judgement:?}");
    let finding = judgement.findings()[0].to_string();
    assert!(finding.contains("write-failed-silent: "), "{finding}");
    assert!(finding.contains("server log: 23514 "), "{finding}");
    let trial = observation.trial().unwrap();
    assert_eq!((trial.server_errors.len(), trial.server_log_read), (0, false));
}

#[tokio::test]
async fn a_fault_in_sql_files_is_applied_and_cleared() {
    let fault = "[{ kind = 'sql', name = 'own', apply = 'fixtures/faults/refuse.sql', \
                 clear = 'fixtures/faults/accept.sql' }]";
    let world = World::new(repository("spanproof.toml")).set("fault", fault);
    let world = world.binary(env!("CARGO_BIN_EXE_runner")).shared_server().open().await.unwrap();
    let observation = observe(&world, "own", "", "queued").await;
    judge(world.spec(), &observation).passed().unwrap();
    let output = observation.trial().unwrap().run.output.tail(usize::MAX);
    assert!(output.contains("none_fits"), "{output}");
    assert_eq!(observation.tables.spans.all().len(), 0);
}

#[tokio::test]
async fn the_spec_of_the_runner_lists_every_fault_that_applies_to_it() {
    let spec = healthy().await.spec().clone();
    let missing = FaultKind::ALL.iter().filter(|kind| !spec.has_fault(**kind));
    let missing: Vec<_> = missing.map(|kind| kind.text()).collect();
    // The span table shares a schema with the other tables. `check` adds `job-repeated`. `sql` is for faults
    // that a spec defines in SQL files.
    assert_eq!(missing, ["schema-missing", "job-repeated", "sql"]);
}

#[tokio::test]
async fn a_job_that_fails_only_under_a_fault_has_a_changed_outcome() {
    let world = faulty().await;
    // `OutcomeChangedByTracing` also means that the outcome changes under a fault that affects only spans.
    let defect = "span-error-panics";
    let trial = world.trial().flag("ENABLE_DB_TRACING", "true").env("FAULT", defect);
    let without_fault = trial.run().await.unwrap();
    let with_fault = observe(&world, "table-missing", defect, "queued").await;
    let judgements = judge_all(world.spec(), &[without_fault, with_fault]);
    let codes: Vec<_> = judgements.iter().map(spanproof::Judgement::code).collect();
    assert_eq!(codes, [None, Some(Code::OutcomeChangedByTracing)], "{:?}", judgements[1]);
}

#[tokio::test]
async fn an_unknown_fault_is_an_error_with_a_suggestion() {
    let world = healthy().await;
    let error = world.trial().fault("table-mising").start().await.unwrap_err();
    let expected = "the spec has no fault `table-mising`; did you mean `table-missing`?";
    assert_eq!(error.to_string(), expected);
}
