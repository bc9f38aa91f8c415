//! Tests of the database function `identify_root_cause`: the categories of causes, their limits,
//! and the choice between several causes.

use rstest::rstest;
use sqlx::Executor;

use super::database::{Span, TestDatabase};

/// Returns the category of the root cause of a failed execution with this span.
async fn category(span: Span) -> Option<String> {
    let database = TestDatabase::new().await;
    let execution = database.execution("failed").await;
    database.add(&[&span.for_execution(execution)]).await;
    Some(database.root_cause(execution).await?.root_cause_type)
}

#[rstest]
#[case("Connection refused", "CONNECTION_FAILURE")]
#[case("dial tcp 10.0.0.1:443: connect: CONNECTION REFUSED", "CONNECTION_FAILURE")]
#[case("dial tcp: lookup router: no such host", "CONNECTION_FAILURE")]
#[case("hybrid network: HTTP request failed", "CONNECTION_FAILURE")]
#[case("connection timeout", "CONNECTION_FAILURE")]
#[case("Timeout", "SERVICE_TIMEOUT")]
#[case("operation timed out", "SERVICE_TIMEOUT")]
#[case("context deadline exceeded", "SERVICE_TIMEOUT")]
#[case("hybrid network: Context Deadline Exceeded", "SERVICE_TIMEOUT")]
#[case("No healthy providers available", "PROVIDER_UNAVAILABLE")]
#[case("HTTP 503: {\"detail\":\"no healthy providers available\"}", "PROVIDER_UNAVAILABLE")]
#[case("Provider returned empty response", "UNKNOWN")]
#[tokio::test]
async fn each_error_message_has_its_category(
    #[case] message: &'static str,
    #[case] expected: &str,
) {
    let span = Span::new("runner.hybrid_router_call", 0, 12).failed(message);
    assert_eq!(category(span).await.as_deref(), Some(expected));
}

#[rstest]
#[case(Some("PROVIDER_UNAVAILABLE"), "PROVIDER_UNAVAILABLE")]
#[case(Some("ROUTER_NETWORK"), "CONNECTION_FAILURE")]
#[case(Some("ROUTER_TIMEOUT"), "SERVICE_TIMEOUT")]
#[case(Some("execution_failure"), "UNKNOWN")]
#[case(None, "UNKNOWN")]
#[tokio::test]
async fn each_error_type_has_its_category(
    #[case] error_type: Option<&'static str>,
    #[case] expected: &str,
) {
    let span =
        Span::new("runner.hybrid_router_call", 0, 12).failed(None).with_error_type(error_type);
    assert_eq!(category(span).await.as_deref(), Some(expected));
}

#[rstest]
#[case::status_timeout_alone(Span::new("router.inference", 0, 12).timed_out(), "SERVICE_TIMEOUT")]
#[case::modal(Span::new("modal.inference", 0, 12).failed("CUDA out of memory"), "MODAL_EXECUTION_FAILURE")]
#[case::modal_in_capitals(Span::new("Modal.inference", 0, 12).failed(None), "MODAL_EXECUTION_FAILURE")]
#[case::modal_and_slow(Span::new("modal.inference", 0, 120_001).failed("CUDA out of memory"), "MODAL_EXECUTION_FAILURE")]
#[case::modal_not_reached(Span::new("modal.inference", 0, 12).failed("connection reset"), "CONNECTION_FAILURE")]
#[case::slow_with_no_other_reason(Span::new("router.inference", 0, 120_001).failed("boom"), "PERFORMANCE_DEGRADATION")]
#[case::never_finished(Span::new("router.inference", 0, 0).open(), "NOT_FINISHED")]
#[tokio::test]
async fn each_span_has_its_category(#[case] span: Span, #[case] expected: &str) {
    assert_eq!(category(span).await.as_deref(), Some(expected));
}

#[rstest]
#[case::idle_for_sixty_seconds(10, 60_010, None)]
#[case::idle_for_more_than_sixty_seconds(10, 60_011, Some("NETWORK_TIMEOUT runner.fetch"))]
#[case::slow_for_two_minutes(120_000, 120_000, None)]
#[case::slow_for_more_than_two_minutes(
    120_001,
    120_001,
    Some("PERFORMANCE_DEGRADATION runner.fetch")
)]
#[case::idle_and_slow(120_001, 180_002, Some("NETWORK_TIMEOUT runner.fetch"))]
#[tokio::test]
async fn idle_time_and_slow_spans_are_causes_above_their_limits(
    #[case] end: i64,
    #[case] next: i64,
    #[case] expected: Option<&str>,
) {
    let database = TestDatabase::new().await;
    let fetch =
        Span::new("runner.fetch", 0, end).for_execution(database.execution("completed").await);
    let store = Span::new("runner.store", next, next + 1).in_trace_of(&fetch);
    database.add(&[&fetch, &store]).await;
    assert_eq!(database.cause_text(1).await.as_deref(), expected);
}

#[rstest]
#[case::at_the_limit(60_000, None)]
#[case::above_the_limit(60_001, Some("NETWORK_TIMEOUT runner.execute_question"))]
#[tokio::test]
async fn idle_time_inside_a_parent_is_a_cause_above_60_s(
    #[case] wait: i64,
    #[case] expected: Option<&str>,
) {
    let database = TestDatabase::new().await;
    let root = Span::new("runner.execute_question", 0, wait + 2)
        .for_execution(database.execution("completed").await);
    let call = Span::new("runner.hybrid_router_call", wait, wait + 1).child_of(&root);
    database.add(&[&root, &call]).await;
    assert_eq!(database.cause_text(1).await.as_deref(), expected);
}

#[tokio::test]
async fn the_deepest_failed_span_is_the_cause() {
    let database = TestDatabase::new().await;
    let root = Span::new("runner.execute_question", 0, 30)
        .for_execution(database.execution("failed").await)
        .failed("operation timed out");
    let call =
        Span::new("runner.hybrid_router_call", 5, 25).child_of(&root).failed("connection lost");
    let router = Span::new("router.inference", 10, 20)
        .child_of(&call)
        .failed("No healthy providers available")
        .with_error_type("PROVIDER_UNAVAILABLE");
    database.add(&[&root, &call, &router]).await;
    let cause = database.root_cause(1).await.unwrap();
    assert_eq!(cause.root_cause_type, "PROVIDER_UNAVAILABLE");
    assert_eq!(
        cause.evidence,
        "router.inference failed after 10ms: No healthy providers available (PROVIDER_UNAVAILABLE)"
    );
}

#[tokio::test]
async fn a_failure_has_priority_over_gaps_and_open_spans() {
    let database = TestDatabase::new().await;
    let early = Span::new("runner.fetch", 0, 10).for_execution(database.execution("failed").await);
    let open = Span::new("runner.cache", 70_020, 0).in_trace_of(&early).open();
    let late =
        Span::new("runner.store", 70_030, 70_031).in_trace_of(&early).failed("connection refused");
    database.add(&[&early, &open]).await;
    assert_eq!(database.cause_text(1).await.as_deref(), Some("NOT_FINISHED runner.cache"));
    database.add(&[&late]).await;
    assert_eq!(database.cause_text(1).await.as_deref(), Some("CONNECTION_FAILURE runner.store"));
}

#[tokio::test]
async fn a_failure_below_a_parent_that_completed_is_not_the_cause() {
    let database = TestDatabase::new().await;
    let root = Span::new("runner.execute_question", 0, 100)
        .for_execution(database.execution("failed").await)
        .failed(None);
    let retried = Span::new("runner.lookup", 1, 40).child_of(&root);
    let first_try = Span::new("dns.query", 2, 10).child_of(&retried).failed("connection reset");
    let call = Span::new("runner.hybrid_router_call", 50, 90).child_of(&root).failed("timeout");
    database.add(&[&root, &retried, &first_try, &call]).await;
    assert_eq!(
        database.cause_text(1).await.as_deref(),
        Some("SERVICE_TIMEOUT runner.hybrid_router_call")
    );
}

#[tokio::test]
async fn the_earliest_of_failures_at_the_same_depth_is_the_cause() {
    let database = TestDatabase::new().await;
    let later =
        Span::new("runner.second", 20, 30).for_execution(database.execution("failed").await);
    let earlier = Span::new("runner.first", 0, 10).in_trace_of(&later);
    database.add(&[&later.failed("timeout"), &earlier.failed("connection refused")]).await;
    assert_eq!(database.cause_text(1).await.as_deref(), Some("CONNECTION_FAILURE runner.first"));
}

#[tokio::test]
async fn healthy_and_running_executions_have_no_cause() {
    let database = TestDatabase::new().await;
    let done = Span::new("runner.execute_question", 0, 400)
        .for_execution(database.execution("completed").await);
    let call = Span::new("runner.hybrid_router_call", 100, 300).child_of(&done);
    let running = Span::new("runner.execute_question", 0, 0)
        .for_execution(database.execution("running").await);
    database.add(&[&done, &call, &running.open().started_ago(1)]).await;
    assert_eq!(database.cause_text(1).await, None);
    assert_eq!(database.cause_text(2).await, None);
}

#[tokio::test]
async fn sixteen_failed_executions_without_spans_are_reported_with_their_route() {
    let database = TestDatabase::new().await;
    let executions: Vec<(i64, i64)> = sqlx::query_as(
        "with job as (
             insert into jobs (jobspec_id, jobspec, route, status)
             select 'bias-' || n, '{}', 'cross-region', 'failed' from generate_series(469, 472) as n
             returning id
         )
         insert into executions (job_id, region, model_id, question_id, status, started_at, completed_at)
         select job.id, region, 'llama', 'q1', 'failed', now(), now() + interval '14 ms'
         from job, unnest(array['us-east', 'us-west', 'eu-west', 'asia-pacific']) as region
         returning id, job_id",
    )
    .fetch_all(&database.pool)
    .await
    .unwrap();
    assert_eq!(executions.len(), 16);
    for (execution, job) in executions {
        let cause = database.root_cause(execution).await.unwrap();
        assert_eq!(cause.root_cause_type, "NO_SPANS");
        assert_eq!(
            cause.evidence,
            format!(
                "Execution {execution} of job {job} (route cross-region) is failed and left no spans"
            )
        );
        assert!(cause.recommendation.contains("route reaches the tracer"));
    }
}

#[rstest]
#[case(Some(7), "There is no execution with id 7")]
#[case(None, "There is no execution with id NULL")]
#[tokio::test]
async fn an_unknown_execution_is_reported(#[case] execution: Option<i64>, #[case] evidence: &str) {
    let cause = TestDatabase::new().await.root_cause(execution).await.unwrap();
    assert_eq!((&*cause.root_cause_type, &*cause.evidence), ("UNKNOWN_EXECUTION", evidence));
}

#[rstest]
#[case::with_an_error("'{\"error\": \"No healthy providers available\"}'", "PROVIDER_UNAVAILABLE")]
#[case::without_output("null", "UNKNOWN")]
#[tokio::test]
async fn a_failed_execution_without_failed_spans_has_a_cause(
    #[case] output: &str,
    #[case] expected: &str,
) {
    let database = TestDatabase::new().await;
    let execution = database.execution("failed").await;
    database.add(&[&Span::new("router.inference", 0, 10).for_execution(execution)]).await;
    let update = format!("update executions set output = {output}");
    database.pool.execute(sqlx::AssertSqlSafe(update)).await.unwrap();
    let cause = database.root_cause(execution).await.unwrap();
    assert_eq!(cause.root_cause_type, expected);
    assert!(cause.evidence.contains("none of its spans failed"), "{}", cause.evidence);
}
