//! Tests of the database function `diagnose_execution_trace`: the anomalies that it reports, and the
//! limits above which it reports them. An open span is a span without an end.

use rstest::rstest;

use super::database::{Span, TestDatabase};

const NONE: [&str; 0] = [];

#[tokio::test]
async fn a_healthy_execution_has_no_anomaly_and_no_negative_gap() {
    let database = TestDatabase::new().await;
    let root = Span::new("runner.execute_question", 0, 400)
        .for_execution(database.execution("completed").await);
    let call = Span::new("runner.hybrid_router_call", 100, 300).child_of(&root);
    database.add(&[&root, &call]).await;
    let rows = database.diagnose(1).await;
    let timing: Vec<_> =
        rows.iter().map(|row| (row.wait_before_child_ms, row.gap_after_ms)).collect();
    assert_eq!(timing, [(Some(100.0), None), (None, Some(100.0))]);
    assert_eq!(database.anomalies(1).await, NONE);
}

#[rstest]
#[case::at_the_limit(5000, None)]
#[case::above_the_limit(5001, Some("Gap of 5001ms before next operation"))]
#[tokio::test]
async fn a_gap_between_siblings_is_an_anomaly_above_5000_ms(
    #[case] gap: i64,
    #[case] anomaly: Option<&str>,
) {
    let database = TestDatabase::new().await;
    let first =
        Span::new("runner.fetch", 0, 10).for_execution(database.execution("completed").await);
    let second = Span::new("runner.store", 10 + gap, 20 + gap).in_trace_of(&first);
    database.add(&[&first, &second]).await;
    let rows = database.diagnose(1).await;
    assert_eq!(rows[0].gap_after_ms.map(|ms| format!("{ms}")), Some(gap.to_string()));
    assert_eq!(rows[0].anomaly.as_deref(), anomaly);
    assert_eq!(rows[1].gap_after_ms, None);
}

#[rstest]
#[case::wait_at_the_limit(5000, 5010, 5020, &[])]
#[case::wait_above_the_limit(5001, 5010, 5020, &["runner.execute_question: Waited 5001ms before its first child"])]
#[case::wait_of_ninety_seconds(90_000, 90_010, 90_020, &["runner.execute_question: Waited 90000ms before its first child"])]
#[case::gap_after_the_child_at_the_limit(10, 20, 5020, &[])]
#[case::gap_after_the_child_above_the_limit(10, 20, 5021, &["runner.hybrid_router_call: Gap of 5001ms before its parent ended"])]
#[tokio::test]
async fn idle_time_inside_a_parent_is_an_anomaly_above_5000_ms(
    #[case] child_start: i64,
    #[case] child_end: i64,
    #[case] parent_end: i64,
    #[case] anomalies: &[&str],
) {
    let database = TestDatabase::new().await;
    let root = Span::new("runner.execute_question", 0, parent_end)
        .for_execution(database.execution("completed").await);
    let call = Span::new("runner.hybrid_router_call", child_start, child_end).child_of(&root);
    database.add(&[&root, &call]).await;
    assert_eq!(database.anomalies(1).await, anomalies);
}

#[tokio::test]
async fn a_gap_is_only_the_time_in_which_no_sibling_runs() {
    let database = TestDatabase::new().await;
    let long =
        Span::new("runner.long", 0, 20_000).for_execution(database.execution("completed").await);
    let short = Span::new("runner.short", 10, 20).in_trace_of(&long);
    let next = Span::new("runner.next", 15_000, 21_000).in_trace_of(&long);
    let last = Span::new("runner.last", 27_000, 27_001).in_trace_of(&long);
    database.add(&[&long, &short, &next, &last]).await;
    let gaps: Vec<_> = database.diagnose(1).await.iter().map(|row| row.gap_after_ms).collect();
    assert_eq!(gaps, [Some(0.0), Some(0.0), Some(6000.0), None]);
}

#[tokio::test]
async fn a_gap_is_unknown_while_an_earlier_sibling_is_open() {
    let database = TestDatabase::new().await;
    let open =
        Span::new("runner.open", 0, 0).for_execution(database.execution("completed").await).open();
    let short = Span::new("runner.short", 10, 20).in_trace_of(&open);
    let next = Span::new("runner.next", 15_000, 21_000).in_trace_of(&open);
    database.add(&[&open, &short, &next]).await;
    let gaps: Vec<_> = database.diagnose(1).await.iter().map(|row| row.gap_after_ms).collect();
    assert_eq!(gaps, [None, None, None]);
}

#[rstest]
#[case::at_the_limit(120_000, &[])]
#[case::above_the_limit(120_001, &["modal.inference: Operation took 120001ms (more than 120000ms)"])]
#[tokio::test]
async fn a_long_span_is_an_anomaly_above_120_s(#[case] duration: i64, #[case] anomalies: &[&str]) {
    let database = TestDatabase::new().await;
    let span = Span::new("modal.inference", 0, duration)
        .for_execution(database.execution("completed").await);
    database.add(&[&span]).await;
    assert_eq!(database.anomalies(1).await, anomalies);
}

#[rstest]
#[case::three_times_the_average("modal.inference", 5, 300, &[])]
#[case::more_than_three_times("modal.inference", 5, 301, &["modal.inference: Operation took 301ms (more than 3x the average 100ms of 5 other spans)"])]
#[case::too_few_to_compare_with("modal.inference", 4, 1_000, &[])]
#[case::another_operation("modal.cold_start", 5, 1_000, &[])]
#[case::another_service("router.inference", 5, 1_000, &[])]
#[tokio::test]
async fn a_span_is_compared_with_spans_of_the_same_name_in_other_executions(
    #[case] other_name: &'static str,
    #[case] count: usize,
    #[case] duration: i64,
    #[case] anomalies: &[&str],
) {
    let database = TestDatabase::new().await;
    let span = Span::new("modal.inference", 0, duration)
        .for_execution(database.execution("completed").await);
    database.add(&[&span]).await;
    for _ in 0..count {
        let execution = database.execution("completed").await;
        // The average does not include failed spans.
        database.add(&[&Span::new(other_name, 0, 100).for_execution(execution)]).await;
        database
            .add(&[&Span::new(other_name, 0, 9_000).for_execution(execution).failed("no")])
            .await;
    }
    assert_eq!(database.anomalies(1).await, anomalies);
}

#[tokio::test]
async fn each_span_name_has_its_own_average() {
    let database = TestDatabase::new().await;
    for _ in 0..6 {
        let cold = Span::new("modal.cold_start", 0, 90_000)
            .for_execution(database.execution("completed").await);
        let inference = Span::new("modal.inference", 90_000, 90_100).in_trace_of(&cold);
        let post = Span::new("runner.inference", 90_100, 90_105).in_trace_of(&cold);
        database.add(&[&cold, &inference, &post]).await;
    }
    assert_eq!(database.diagnose(1).await.len(), 3);
    assert_eq!(database.anomalies(1).await, NONE);
}

#[tokio::test]
async fn the_average_does_not_include_spans_of_the_same_execution() {
    let database = TestDatabase::new().await;
    let slow =
        Span::new("modal.inference", 0, 1_000).for_execution(database.execution("completed").await);
    database.add(&[&slow]).await;
    for _ in 0..5 {
        database.add(&[&Span::new("modal.inference", 0, 10).in_trace_of(&slow)]).await;
        database.add(&[&Span::new("modal.inference", 0, 10).in_trace_of(&slow).unlinked()]).await;
    }
    assert_eq!(database.anomalies(1).await, NONE);
}

#[rstest]
#[case::failed(Span::new("a.b", 0, 1).failed("boom"), "a.b: Operation failed: boom")]
#[case::failed_silently(Span::new("a.b", 0, 1).failed(None), "a.b: Operation failed: Unknown error")]
#[case::timed_out(Span::new("a.b", 0, 1).timed_out(), "a.b: Operation timed out: Unknown error")]
#[case::failed_and_slow(Span::new("a.b", 0, 120_001).failed("boom"), "a.b: Operation failed: boom; Operation took 120001ms (more than 120000ms)")]
#[tokio::test]
async fn a_failure_is_reported_together_with_other_anomalies(
    #[case] span: Span,
    #[case] anomaly: &str,
) {
    let database = TestDatabase::new().await;
    let execution = database.execution("failed").await;
    database.add(&[&span.for_execution(execution)]).await;
    assert_eq!(database.anomalies(execution).await, [anomaly]);
}

#[rstest]
#[case::the_execution_failed("failed", 1, true)]
#[case::the_execution_completed("completed", 1, true)]
#[case::the_execution_was_cancelled("cancelled", 1, true)]
#[case::the_execution_runs("running", 1, false)]
#[case::the_execution_is_pending("pending", 1, false)]
#[case::open_for_less_than_two_minutes("running", 110, false)]
#[case::open_for_more_than_two_minutes("running", 121, true)]
#[tokio::test]
async fn an_open_span_is_an_anomaly_unless_it_can_still_end(
    #[case] status: &str,
    #[case] seconds: i64,
    #[case] is_anomaly: bool,
) {
    let database = TestDatabase::new().await;
    let execution = database.execution(status).await;
    let span = Span::new("runner.execute_question", 0, 0).for_execution(execution).open();
    database.add(&[&span.started_ago(seconds)]).await;
    let expected: &[&str] =
        if is_anomaly { &["runner.execute_question: Operation never finished"] } else { &[] };
    assert_eq!(database.anomalies(execution).await, expected);
    assert_eq!(database.root_cause(execution).await.is_some(), is_anomaly);
}

#[tokio::test]
async fn an_open_span_is_an_anomaly_after_the_end_of_its_parent() {
    let database = TestDatabase::new().await;
    let root = Span::new("runner.execute_question", 0, 10)
        .for_execution(database.execution("running").await);
    let call = Span::new("runner.hybrid_router_call", 0, 0).child_of(&root).open().started_ago(1);
    database.add(&[&root, &call]).await;
    let anomalies = database.anomalies(1).await;
    assert!(
        anomalies.contains(&"runner.hybrid_router_call: Operation never finished".into()),
        "{anomalies:?}"
    );
}

#[tokio::test]
async fn a_missing_duration_is_computed_from_start_and_end() {
    let database = TestDatabase::new().await;
    let execution = database.execution("completed").await;
    database
        .add(&[&Span::new("modal.inference", 0, 120_001)
            .for_execution(execution)
            .without_duration()])
        .await;
    assert_eq!(database.diagnose(execution).await[0].duration_ms, Some(120_001));
}

#[rstest]
#[case::no_spans(Some(1), "No spans: execution 1 is failed, and nothing of it was recorded")]
#[case::unknown(Some(2), "Unknown execution: there is none with id 2")]
#[case::null(None, "Unknown execution: there is none with id NULL")]
#[tokio::test]
async fn an_execution_without_spans_has_one_row_with_the_reason(
    #[case] execution: Option<i64>,
    #[case] anomaly: &str,
) {
    let database = TestDatabase::new().await;
    database.execution("failed").await;
    let rows = database.diagnose(execution).await;
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0].name, rows[0].anomaly.as_deref()), (&None, Some(anomaly)));
}
