//! Tests of the rules by which a span belongs to an execution, and of the tables that the database
//! functions read. An execution is a row of `executions`: one question of a job for one model in one
//! region.

use sqlx::Executor;

use super::database::{Span, TestDatabase};

/// Returns the names of the spans of an execution, in the order of the diagnosis.
async fn span_names(database: &TestDatabase, execution: i64) -> Vec<String> {
    let rows = database.diagnose(execution).await;
    rows.into_iter().map(|row| row.name.unwrap_or_default()).collect()
}

#[tokio::test]
async fn a_span_without_execution_id_belongs_to_the_execution_of_its_trace() {
    let database = TestDatabase::new().await;
    let root = Span::new("runner.execute_question", 0, 10)
        .for_execution(database.execution("completed").await);
    let router = Span::new("router.inference", 1, 9).child_of(&root).unlinked();
    database.add(&[&root, &router]).await;
    assert_eq!(span_names(&database, 1).await, ["runner.execute_question", "router.inference"]);
}

#[tokio::test]
async fn spans_are_found_by_the_trace_id_of_the_execution() {
    let database = TestDatabase::new().await;
    let execution = database.execution("completed").await;
    let span = Span::new("runner.execute_question", 0, 10);
    database.add(&[&span]).await;
    assert_eq!(span_names(&database, execution).await, [""]);
    sqlx::query("update executions set trace_id = $1")
        .bind(span.trace)
        .execute(&database.pool)
        .await
        .unwrap();
    assert_eq!(span_names(&database, execution).await, ["runner.execute_question"]);
}

#[tokio::test]
async fn an_execution_in_a_shared_trace_has_only_spans_with_its_id() {
    let database = TestDatabase::new().await;
    let first =
        Span::new("runner.first", 0, 10).for_execution(database.execution("completed").await);
    let second = Span::new("runner.second", 20, 30)
        .in_trace_of(&first)
        .for_execution(database.execution("completed").await);
    let unlinked = Span::new("router.inference", 5, 9).in_trace_of(&first).unlinked();
    database.add(&[&first, &second, &unlinked]).await;
    assert_eq!(span_names(&database, 1).await, ["runner.first"]);
    assert_eq!(span_names(&database, 2).await, ["runner.second"]);
}

#[tokio::test]
async fn spans_of_a_deleted_execution_are_diagnosed() {
    let database = TestDatabase::new().await;
    let execution = database.execution("failed").await;
    database
        .add(&[&Span::new("runner.execute_question", 0, 10).for_execution(execution).timed_out()])
        .await;
    database.pool.execute("delete from jobs").await.unwrap();
    assert_eq!(span_names(&database, execution).await, ["runner.execute_question"]);
    assert_eq!(
        database.cause_text(execution).await.as_deref(),
        Some("SERVICE_TIMEOUT runner.execute_question")
    );
}

#[tokio::test]
async fn functions_ignore_temporary_tables_and_the_search_path() {
    let database = TestDatabase::new().await;
    let execution = database.execution("completed").await;
    database.add(&[&Span::new("runner.execute_question", 0, 10).for_execution(execution)]).await;
    let mut session = database.pool.acquire().await.unwrap();
    session
        .execute(
            "create temporary table trace_spans (like public.trace_spans);
             create temporary table executions (like public.executions);
             set search_path = pg_temp",
        )
        .await
        .unwrap();
    let counts: (i64, i64, i64) = sqlx::query_as(
        "select (select count(*) from public.diagnose_execution_trace($1) where not is_anomaly),
                (select count(*) from public.identify_root_cause($1)),
                (select count(*) from public.find_similar_traces($1))",
    )
    .bind(execution)
    .fetch_one(&mut *session)
    .await
    .unwrap();
    assert_eq!(counts, (1, 0, 0));
}
