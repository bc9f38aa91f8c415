//! Tests of the database function `find_similar_traces`: the score, the order and the errors.

use rstest::rstest;
use sqlx::Row;

use super::database::{Span, TestDatabase};

/// A row of `find_similar_traces`.
#[derive(Debug, PartialEq)]
struct SimilarTrace {
    id: i64,
    score: f64,
    status: String,
    total_duration_ms: Option<i64>,
    /// The span that is the root cause, as `service.operation`.
    failure_point: Option<String>,
}

impl TestDatabase {
    async fn find_similar(
        &self,
        execution: i64,
        limit: impl Into<Option<i32>>,
    ) -> Result<Vec<SimilarTrace>, sqlx::Error> {
        let rows = sqlx::query("select * from find_similar_traces($1, $2)")
            .bind(execution)
            .bind(limit.into())
            .fetch_all(&self.pool)
            .await?;
        Ok(rows
            .iter()
            .map(|row| SimilarTrace {
                id: row.get("similar_execution_id"),
                score: row.get("similarity_score"),
                status: row.get("status"),
                total_duration_ms: row.get("total_duration_ms"),
                failure_point: row.get("failure_point"),
            })
            .collect())
    }

    /// Returns the scores in the order of the rows, with three decimals.
    async fn scores(&self, execution: i64) -> Vec<String> {
        let rows = self.find_similar(execution, 5).await.unwrap();
        rows.iter().map(|row| format!("{:.3}", row.score)).collect()
    }

    /// Adds an execution with a root span of 100 ms and one child span. Returns the root span.
    async fn add_traced_execution(&self, model: &str, region: &str) -> Span {
        let execution = self.execution_with("completed", model, region).await;
        let root = Span::new("runner.execute_question", 0, 100).for_execution(execution);
        let call = Span::new("runner.hybrid_router_call", 10, 90).child_of(&root);
        self.add(&[&root, &call]).await;
        root
    }
}

#[tokio::test]
async fn an_identical_trace_scores_1_and_the_time_of_nested_spans_is_counted_once() {
    let database = TestDatabase::new().await;
    database.add_traced_execution("llama", "us-east").await;
    database.add_traced_execution("llama", "us-east").await;
    assert_eq!(
        database.find_similar(1, 5).await.unwrap(),
        [SimilarTrace {
            id: 2,
            score: 1.0,
            status: "completed".into(),
            total_duration_ms: Some(100),
            failure_point: None,
        }]
    );
}

#[rstest]
#[case::another_model("qwen", "us-east", Span::new("runner.execute_question", 0, 100), "0.850")]
#[case::another_region("llama", "eu-west", Span::new("runner.execute_question", 0, 100), "0.850")]
#[case::another_operation("llama", "us-east", Span::new("runner.retry_question", 0, 100), "0.750")]
#[case::twice_as_long("llama", "us-east", Span::new("runner.execute_question", 0, 200), "0.925")]
#[case::other_status_and_failure_point("llama", "us-east", Span::new("runner.execute_question", 0, 100).failed("no"), "0.700")]
#[case::open_is_not_completed("llama", "us-east", Span::new("runner.execute_question", 0, 100).open(), "0.700")]
#[case::nothing_in_common("qwen", "eu-west", Span::new("a.b", 0, 0).timed_out(), "0.000")]
#[tokio::test]
async fn each_difference_reduces_the_score(
    #[case] model: &str,
    #[case] region: &str,
    #[case] span: Span,
    #[case] score: &str,
) {
    let database = TestDatabase::new().await;
    let target = database.execution("completed").await;
    database.add(&[&Span::new("runner.execute_question", 0, 100).for_execution(target)]).await;
    let other = database.execution_with("completed", model, region).await;
    database.add(&[&span.for_execution(other)]).await;
    assert_eq!(database.scores(target).await, [score]);
}

#[tokio::test]
async fn a_trace_that_lacks_one_of_two_operations_loses_half_of_their_weight() {
    let database = TestDatabase::new().await;
    database.add_traced_execution("llama", "us-east").await;
    let execution = database.execution("completed").await;
    database.add(&[&Span::new("runner.execute_question", 0, 100).for_execution(execution)]).await;
    assert_eq!(database.scores(1).await, ["0.875"]);
}

#[tokio::test]
async fn rows_are_ordered_by_score_then_newest_first() {
    let database = TestDatabase::new().await;
    for (model, region) in [
        ("llama", "us-east"),
        ("qwen", "eu-west"),
        ("llama", "us-east"),
        ("llama", "eu-west"),
        ("llama", "us-east"),
    ] {
        database.add_traced_execution(model, region).await;
    }
    let ids = |rows: Vec<SimilarTrace>| rows.iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(database.find_similar(1, 5).await.unwrap()), [5, 3, 4, 2]);
    assert_eq!(ids(database.find_similar(1, 2).await.unwrap()), [5, 3]);
}

#[tokio::test]
async fn the_failure_point_is_the_root_cause() {
    let database = TestDatabase::new().await;
    database.add_traced_execution("llama", "us-east").await;
    let execution = database.execution("failed").await;
    let root = Span::new("runner.execute_question", 0, 10).for_execution(execution).failed("no");
    let call = Span::new("runner.hybrid_router_call", 1, 9).child_of(&root).timed_out();
    database.add(&[&root, &call]).await;
    let row = &database.find_similar(1, 5).await.unwrap()[0];
    assert_eq!(row.status, "failed");
    assert_eq!(row.failure_point.as_deref(), Some("runner.hybrid_router_call"));
    assert_eq!(
        database.cause_text(execution).await.as_deref(),
        Some("SERVICE_TIMEOUT runner.hybrid_router_call")
    );
}

#[tokio::test]
async fn unknown_values_add_nothing_to_the_score() {
    let database = TestDatabase::new().await;
    for _ in 0..2 {
        let execution = database.execution("running").await;
        database
            .add(&[&Span::new("runner.execute_question", 0, 0).for_execution(execution).open()])
            .await;
    }
    // Execution 999 has a span and no row, so its model and region are unknown.
    database.add(&[&Span::new("runner.execute_question", 0, 100).for_execution(999)]).await;
    let rows = database.find_similar(1, 5).await.unwrap();
    let found: Vec<_> = rows
        .iter()
        .map(|row| (row.id, format!("{:.2}", row.score), &*row.status, row.total_duration_ms))
        .collect();
    assert_eq!(
        found,
        [(2, "0.85".into(), "started", None), (999, "0.40".into(), "completed", Some(100))]
    );
}

#[tokio::test]
async fn a_trace_with_an_open_span_has_no_duration() {
    let database = TestDatabase::new().await;
    database.add_traced_execution("llama", "us-east").await;
    let root = database.add_traced_execution("llama", "us-east").await;
    database.add(&[&Span::new("runner.store", 95, 0).child_of(&root).open()]).await;
    let row = &database.find_similar(1, 5).await.unwrap()[0];
    assert_eq!((&*row.status, row.total_duration_ms), ("started", None));
}

#[tokio::test]
async fn executions_without_spans_are_not_compared() {
    let database = TestDatabase::new().await;
    database.add_traced_execution("llama", "us-east").await;
    let without_spans = database.execution("failed").await;
    assert_eq!(database.find_similar(1, 5).await.unwrap(), []);
    assert_eq!(database.find_similar(without_spans, 5).await.unwrap(), []);
}

#[rstest]
#[case::zero(1, Some(0), "22023", "p_limit must be at least 1, not 0")]
#[case::negative(1, Some(-1), "22023", "p_limit must be at least 1, not -1")]
#[case::null(1, None, "22023", "p_limit must be at least 1, not NULL")]
#[case::unknown_execution(7, Some(5), "P0002", "there is no execution with id 7")]
#[tokio::test]
async fn rejects_invalid_arguments(
    #[case] execution: i64,
    #[case] limit: Option<i32>,
    #[case] code: &str,
    #[case] message: &str,
) {
    let database = TestDatabase::new().await;
    database.add_traced_execution("llama", "us-east").await;
    let error = database.find_similar(execution, limit).await.unwrap_err();
    let error = error.as_database_error().unwrap();
    assert_eq!((error.code().as_deref(), error.message()), (Some(code), message));
}
