//! Tests of the database views `trace_waterfall` and `trace_spans_health`.

use sqlx::Executor;

use super::database::{Span, TestDatabase};

/// Returns the rows of `trace_waterfall`, one line per span. A line is indented by level and has
/// the path, the operation, the offset in milliseconds, and the column `placement`: whether the
/// span is a root, a child or part of a parent cycle, or has a parent that is missing or of another
/// trace.
async fn waterfall(database: &TestDatabase) -> String {
    let rows: Vec<(i32, Vec<i32>, String, String, f64)> = sqlx::query_as(
        "select level, path, placement, operation, offset_ms::float8 from trace_waterfall",
    )
    .fetch_all(&database.pool)
    .await
    .unwrap();
    let lines: Vec<String> = rows
        .into_iter()
        .map(|(level, path, placement, operation, offset)| {
            let path: Vec<String> = path.iter().map(ToString::to_string).collect();
            let indent = "  ".repeat(usize::try_from(level).unwrap());
            format!("{indent}{} {operation} +{offset} {placement}", path.join("."))
        })
        .collect();
    lines.join("\n")
}

/// Returns a span of 100 ms that starts at `start` ms. `name` has the form `service.operation`.
fn span(name: &'static str, start: i64) -> Span {
    Span::new(name, start, start + 100)
}

#[tokio::test]
async fn children_follow_their_parent_in_the_order_of_their_starts() {
    let database = TestDatabase::new().await;
    let root = span("s.root", 1_000);
    let late = span("s.late", 1_020).child_of(&root);
    let early = span("s.early", 1_010).child_of(&root);
    let inner = span("s.inner", 1_030).child_of(&early);
    let other = span("s.other_trace", 5);
    database.add(&[&inner, &late, &other, &early, &root]).await;
    insta::assert_snapshot!(waterfall(&database).await, @r"
    1 other_trace +0 root
    1 root +0 root
      1.1 early +10 child
        1.1.1 inner +30 child
      1.2 late +20 child
    ");
}

#[tokio::test]
async fn eleven_siblings_stay_in_order() {
    let database = TestDatabase::new().await;
    let root = span("s.root", 0);
    database.add(&[&root]).await;
    for start in 1..=11 {
        database.add(&[&span("s.child", start).child_of(&root)]).await;
    }
    assert!(waterfall(&database).await.ends_with("1.10 child +10 child\n  1.11 child +11 child"));
}

#[tokio::test]
async fn a_span_without_parent_in_its_trace_is_at_the_top_level() {
    let database = TestDatabase::new().await;
    let never_written = span("s.never_written", 0);
    let orphan = span("s.orphan", 10).child_of(&never_written);
    let below = span("s.below", 20).child_of(&orphan);
    let elsewhere = span("s.elsewhere", 500);
    let mut foreign = span("s.foreign", 30).in_trace_of(&orphan);
    foreign.parent = Some(elsewhere.id);
    database.add(&[&orphan, &below, &elsewhere, &foreign]).await;
    insta::assert_snapshot!(waterfall(&database).await, @r"
    1 orphan +0 missing-parent
      1.1 below +10 child
    2 foreign +20 foreign-parent
    1 elsewhere +0 root
    ");
}

#[tokio::test]
async fn a_parent_cycle_begins_with_its_earliest_span_and_has_each_span_once() {
    let database = TestDatabase::new().await;
    let root = span("s.root", 0);
    let mut first = span("s.first", 10).in_trace_of(&root);
    let second = span("s.second", 20).child_of(&first);
    let third = span("s.third", 5).child_of(&second);
    first.parent = Some(third.id);
    let hanging = span("s.hanging", 30).child_of(&second);
    let mut own_parent = span("s.own_parent", 40).in_trace_of(&root);
    own_parent.parent = Some(own_parent.id);
    database.add(&[&root, &first, &second, &third, &hanging, &own_parent]).await;
    insta::assert_snapshot!(waterfall(&database).await, @r"
    1 root +0 root
    2 third +5 cycle
      2.1 first +10 cycle
        2.1.1 second +20 cycle
          2.1.1.1 hanging +30 child
    3 own_parent +40 cycle
    ");
}

#[tokio::test]
async fn the_waterfall_of_one_trace_uses_the_index() {
    let database = TestDatabase::new().await;
    let mut session = database.pool.acquire().await.unwrap();
    session.execute("set enable_seqscan = off").await.unwrap();
    let plan: Vec<String> = sqlx::query_scalar(
        "explain select * from trace_waterfall where trace_id = '00000000-0000-0000-0000-000000000001'",
    )
    .fetch_all(&mut *session)
    .await
    .unwrap();
    let plan = plan.join("\n");
    assert!(!plan.contains("Seq Scan on trace_spans"), "{plan}");
    assert!(
        plan.contains("Index Cond: (trace_id = '00000000-0000-0000-0000-000000000001'::uuid)"),
        "{plan}"
    );
}

/// The columns that [`health`] selects. The last column is `true` if the oldest open span started
/// about an hour ago.
type Health = (i64, i64, i64, i64, Option<i64>, i64, i64, i64, i64, bool);

/// Returns the only row of the view `trace_spans_health`.
async fn health(database: &TestDatabase) -> Health {
    sqlx::query_as(
        "select total_spans, spans_last_24h, spans_last_hour, unique_traces, avg_duration_ms, failed_spans,
                timeout_spans, open_spans, spans_without_execution,
                oldest_open_span_age between interval '3599 seconds' and interval '3700 seconds' is true
         from trace_spans_health",
    )
    .fetch_one(&database.pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn an_empty_table_has_a_health_row_of_zeros() {
    let database = TestDatabase::new().await;
    assert_eq!(health(&database).await, (0, 0, 0, 0, None, 0, 0, 0, 0, false));
}

#[tokio::test]
async fn the_health_view_counts_spans() {
    let database = TestDatabase::new().await;
    let root = Span::new("s.root", 0, 100).for_execution(1).failed("no");
    let child = Span::new("s.child", 0, 301).child_of(&root).timed_out();
    let open = Span::new("s.open", 0, 0).in_trace_of(&root).open().started_ago(3_600);
    let younger = Span::new("s.open", 0, 0).for_execution(2).open().started_ago(60);
    let unlinked = Span::new("s.other", 0, 100);
    database.add(&[&root, &child, &open, &younger, &unlinked]).await;
    database
        .pool
        .execute(
            "update trace_spans set created_at = now() - interval '2 hours' where operation = 'child';
             update trace_spans set created_at = now() - interval '2 days' where operation = 'root'",
        )
        .await
        .unwrap();
    assert_eq!(health(&database).await, (5, 4, 3, 3, Some(167), 1, 1, 2, 1, true));
}
