//! Which spans the diagnostics take for an execution's, and where they look for them.

use sqlx::Executor;

use super::world::{Span, World};

async fn names(world: &World, execution: i64) -> Vec<String> {
    let rows = world.diagnose(execution).await;
    rows.into_iter().map(|row| row.name.unwrap_or_default()).collect()
}

#[tokio::test]
async fn a_span_that_only_knows_the_trace_belongs_to_the_execution_of_the_trace() {
    let world = World::new().await;
    let root = Span::new("runner.execute_question", 0, 10).of(world.execution("completed").await);
    let router = Span::new("router.inference", 1, 9).under(&root).unlinked();
    world.add(&[&root, &router]).await;
    assert_eq!(names(&world, 1).await, ["runner.execute_question", "router.inference"]);
}

#[tokio::test]
async fn spans_without_any_execution_id_are_found_by_the_trace_id_of_the_execution() {
    let world = World::new().await;
    let execution = world.execution("completed").await;
    let span = Span::new("runner.execute_question", 0, 10);
    world.add(&[&span]).await;
    assert_eq!(names(&world, execution).await, [""]);
    sqlx::query("update executions set trace_id = $1")
        .bind(span.trace)
        .execute(&world.pool)
        .await
        .unwrap();
    assert_eq!(names(&world, execution).await, ["runner.execute_question"]);
}

#[tokio::test]
async fn in_a_trace_of_two_executions_each_has_the_spans_with_its_id_only() {
    let world = World::new().await;
    let first = Span::new("runner.first", 0, 10).of(world.execution("completed").await);
    let second =
        Span::new("runner.second", 20, 30).beside(&first).of(world.execution("completed").await);
    let whose = Span::new("router.inference", 5, 9).beside(&first).unlinked();
    world.add(&[&first, &second, &whose]).await;
    assert_eq!(names(&world, 1).await, ["runner.first"]);
    assert_eq!(names(&world, 2).await, ["runner.second"]);
}

#[tokio::test]
async fn spans_are_diagnosed_after_their_execution_was_deleted() {
    let world = World::new().await;
    let execution = world.execution("failed").await;
    world.add(&[&Span::new("runner.execute_question", 0, 10).of(execution).timed_out()]).await;
    world.pool.execute("delete from jobs").await.unwrap();
    assert_eq!(names(&world, execution).await, ["runner.execute_question"]);
    assert_eq!(
        world.cause(execution).await.as_deref(),
        Some("SERVICE_TIMEOUT runner.execute_question")
    );
}

#[tokio::test]
async fn neither_a_temporary_table_nor_the_search_path_misleads_the_functions() {
    let world = World::new().await;
    let execution = world.execution("completed").await;
    world.add(&[&Span::new("runner.execute_question", 0, 10).of(execution)]).await;
    let mut session = world.pool.acquire().await.unwrap();
    session
        .execute(
            "create temporary table trace_spans (like public.trace_spans);
             create temporary table executions (like public.executions);
             set search_path = pg_temp",
        )
        .await
        .unwrap();
    let answer: (i64, i64, i64) = sqlx::query_as(
        "select (select count(*) from public.diagnose_execution_trace($1) where not is_anomaly),
                (select count(*) from public.identify_root_cause($1)),
                (select count(*) from public.find_similar_traces($1))",
    )
    .bind(execution)
    .fetch_one(&mut *session)
    .await
    .unwrap();
    assert_eq!(answer, (1, 0, 0));
}
