//! The debug lines, letter by letter, and that a broken store changes nothing else.

use std::sync::{Arc, Mutex};

use rstest::rstest;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::Pending;
use crate::spans::{SpanEnd, SpanError, Subject};

#[derive(Debug, Clone, Default)]
struct Paper(Arc<Mutex<Vec<String>>>);

impl Console for Paper {
    fn line(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

/// A store that refuses the start when told to, and writes down what is asked of it.
#[derive(Debug)]
struct Fake {
    refuses: bool,
    asked: Paper,
}

impl SpanStore for Fake {
    fn start<'a>(&'a self, span: &'a SpanStart) -> Pending<'a, Result<(), SpanError>> {
        self.asked.line(&format!("start {}", span.operation));
        let answer = if self.refuses { Err(SpanError::Missing) } else { Ok(()) };
        Box::pin(std::future::ready(answer))
    }

    fn finish<'a>(&'a self, end: &'a SpanEnd) -> Pending<'a, Result<(), SpanError>> {
        self.asked.line(&format!("finish {}", end.status.as_str()));
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
      "❌ StartSpan RecordSpan error: the span is not in the database"],
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
async fn each_step_is_told(
    #[case] raw: Option<&str>,
    #[case] on: bool,
    #[case] refuses: bool,
    #[case] lines: &[&str],
    #[case] asked: &[&str],
) {
    let (console, paper) = (Paper::default(), Paper::default());
    let store = Fake { refuses, asked: paper.clone() };
    let flag = Switch { raw: raw.map(Into::into), on };
    let tracer = Tracer::new(&flag, Box::new(console.clone()), Box::new(store));
    let subject = Subject { job_id: 1, execution_id: 2, model_id: "m".into(), region: "r".into() };
    let start = SpanStart::root("execute_question", Uuid::new_v4(), subject, json!({}));
    let span = tracer.start(start).await;
    tracer.finish(span, SpanStatus::Completed, None).await;
    assert_eq!(*console.0.lock().unwrap(), lines);
    assert_eq!(*paper.0.lock().unwrap(), asked);
}

#[test]
fn a_span_never_ends_before_it_starts() {
    let started_at = chrono::Utc::now() + chrono::Duration::hours(1);
    let span = OpenSpan {
        trace_id: Uuid::new_v4(),
        span_id: Uuid::new_v4(),
        operation: "execute_question",
        started_at,
        clock: Instant::now(),
        recorded: true,
    };
    assert!(span.end(SpanStatus::Completed, None).completed_at >= started_at);
}
