//! Tests of the exact debug lines, with a store that works and a store that fails.

use std::sync::{Arc, Mutex};

use rstest::rstest;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::Pending;
use crate::spans::{ExecutionRef, SpanEnd, SpanError};

#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Console for Lines {
    fn line(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

/// Records its calls; `start` fails if `fails` is set.
#[derive(Debug)]
struct FakeStore {
    fails: bool,
    calls: Lines,
}

impl SpanStore for FakeStore {
    fn start<'a>(&'a self, span: &'a SpanStart) -> Pending<'a, Result<(), SpanError>> {
        self.calls.line(&format!("start {}", span.operation));
        let result = if self.fails { Err(SpanError::Timeout(1000)) } else { Ok(()) };
        Box::pin(std::future::ready(result))
    }

    fn finish<'a>(&'a self, end: &'a SpanEnd) -> Pending<'a, Result<(), SpanError>> {
        self.calls.line(&format!("finish {}", end.status.as_str()));
        Box::pin(std::future::ready(Ok(())))
    }

    fn abandon<'a>(&'a self, _: i64, _: &'a str) -> Pending<'a, Result<(), SpanError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

const STARTED: &str =
    "🔍 StartSpan called: service=runner, operation=execute_question, enabled=true";

#[rstest]
#[case(Some("true"), true, false,
    &["🔍 DBTracer: ENABLED (ENABLE_DB_TRACING=true)", STARTED, "✅ StartSpan RecordSpan success"],
    &["start execute_question", "finish completed"])]
#[case(Some("true"), true, true,
    &["🔍 DBTracer: ENABLED (ENABLE_DB_TRACING=true)", STARTED,
      "❌ StartSpan RecordSpan error: no answer from the database within 1000 ms"],
    &["start execute_question"])]
#[case(Some("1"), false, false,
    &["⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=1)",
      "🔍 StartSpan called: service=runner, operation=execute_question, enabled=false"],
    &[])]
#[case(None, false, false,
    &["⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=)",
      "🔍 StartSpan called: service=runner, operation=execute_question, enabled=false"],
    &[])]
#[tokio::test]
async fn a_tracer_prints_a_line_for_each_step(
    #[case] raw: Option<&str>,
    #[case] on: bool,
    #[case] fails: bool,
    #[case] expected_lines: &[&str],
    #[case] expected_calls: &[&str],
) {
    let (console, calls) = (Lines::default(), Lines::default());
    let store = FakeStore { fails, calls: calls.clone() };
    let flag = Switch { raw: raw.map(Into::into), on };
    let tracer = Tracer::new(&flag, Box::new(console.clone()), Box::new(store));
    let execution =
        ExecutionRef { job_id: 1, execution_id: 2, model_id: "m".into(), region: "r".into() };
    let start = SpanStart::root("execute_question", Uuid::new_v4(), execution, json!({}));
    let span = tracer.start(start).await;
    tracer.finish(span, SpanStatus::Completed, None).await;
    assert_eq!(*console.0.lock().unwrap(), expected_lines);
    assert_eq!(*calls.0.lock().unwrap(), expected_calls);
}

#[test]
fn a_span_never_ends_before_it_starts() {
    // As if the wall clock had been set back by an hour after the start.
    let started_at = chrono::Utc::now() + chrono::Duration::hours(1);
    let span = OpenSpan {
        trace_id: Uuid::new_v4(),
        span_id: Uuid::new_v4(),
        operation: "execute_question",
        started_at,
        start_instant: Instant::now(),
        recorded: true,
    };
    assert!(span.end(SpanStatus::Completed, None).completed_at >= started_at);
}
