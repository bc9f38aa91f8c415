//! Tests of the values of the tracing flag that turn recording on, and of the rows that the runner
//! records.

use rstest::rstest;
use spanproof::{Verdict, judge};
use sqlx::{Connection, PgConnection};

use crate::world::healthy;

const FLAG: &str = "ENABLE_DB_TRACING";

#[rstest]
#[case::exactly_true("true", 8)]
#[case::empty("", 0)]
#[case::upper_case("TRUE", 0)]
#[case::capital("True", 0)]
#[case::one("1", 0)]
#[case::zero("0", 0)]
#[case::off("false", 0)]
#[case::yes("yes", 0)]
#[case::on("on", 0)]
#[case::trailing_space("true ", 0)]
#[case::quoted("\"true\"", 0)]
#[tokio::test]
async fn spans_need_exactly_the_value_true(
    #[case] value: &str,
    #[case] spans: usize,
    #[values("queued", "cross-region")] route: &str,
) {
    let world = healthy().await;
    let observation = world.trial().flag(FLAG, value).route(route).run().await.unwrap();
    assert_eq!(observation.tables.spans.all().len(), spans);
    assert_eq!(observation.tables.units.all().len(), 4);
    judge(world.spec(), &observation).passed().unwrap();
}

#[rstest]
#[tokio::test]
async fn the_runner_records_nothing_if_the_flag_is_unset(
    #[values("queued", "cross-region")] route: &str,
) {
    let world = healthy().await;
    let observation = world.trial().unset(FLAG).route(route).run().await.unwrap();
    assert!(!observation.trial().unwrap().service.environment.contains_key(FLAG));
    assert_eq!(observation.tables.spans.all().len(), 0);
    judge(world.spec(), &observation).passed().unwrap();
}

#[tokio::test]
async fn each_execution_has_a_span_with_the_router_call_as_its_child() {
    let world = healthy().await;
    let (_, database) = world.trial().flag(FLAG, "true").run_keeping_database().await.unwrap();
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let complete: i64 = sqlx::query_scalar(
        "select count(*) from executions e
         join trace_spans own on own.execution_id = e.id and own.operation = 'execute_question'
         join trace_spans call on call.parent_span_id = own.span_id
         where call.trace_id = e.trace_id and own.trace_id = e.trace_id
           and own.job_id = e.job_id and own.region = e.region and own.model_id = e.model_id
           and own.status = e.status and call.status = e.status
           and own.started_at <= call.started_at and call.completed_at <= own.completed_at
           and e.created_at <= e.started_at and e.started_at <= e.completed_at",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(complete, 4);
    let causes: i64 =
        sqlx::query_scalar("select count(*) from executions e, identify_root_cause(e.id)")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert_eq!(causes, 0, "a healthy execution must have no root cause");
}

#[tokio::test]
async fn without_a_router_each_execution_has_one_span() {
    let world = healthy().await;
    let trial = world.trial().flag(FLAG, "true").flag("HYBRID_ROUTER_DISABLE", "true");
    let observation = trial.run().await.unwrap();
    let judgement = judge(world.spec(), &observation).passed().unwrap();
    // There are 4 spans, and all 4 units of the job reached the last stage, `joined`: their spans
    // are complete.
    assert_eq!((judgement.spans, judgement.funnel.joined), (4, 4));
    assert!(observation.trial().unwrap().exchanges.is_empty());
}

#[tokio::test]
async fn an_unknown_flag_is_an_error_with_a_suggestion() {
    let world = healthy().await;
    let error = world.trial().flag("ENABLE_DB_TRACEING", "true").start().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the spec has no flag `ENABLE_DB_TRACEING`; did you mean `ENABLE_DB_TRACING`?"
    );
}

#[tokio::test]
async fn a_stored_observation_gets_the_same_verdict() {
    let world = healthy().await;
    let observation = world.trial().flag(FLAG, "true").run().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let stored = spanproof::write_evidence(folder.path(), &observation).unwrap();
    let read = spanproof::read_evidence(&stored).unwrap();
    assert_eq!(read, observation);
    assert_eq!(judge(world.spec(), &read).verdict, Verdict::Pass);
}
