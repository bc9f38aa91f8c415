//! The data of a span, at its start and at its end. A span belongs to an execution: the row in
//! `executions` for one question of a job, one model and one region.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use uuid::Uuid;

/// The execution that a span belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionRef {
    /// `jobs.id`.
    pub job_id: i64,
    /// `executions.id`.
    pub execution_id: i64,
    /// `executions.model_id`.
    pub model_id: String,
    /// `executions.region`.
    pub region: String,
}

/// The data of a span at its start.
#[derive(Debug, Clone)]
pub struct SpanStart {
    /// The id of the trace. All spans of one execution have the same trace id.
    pub trace_id: Uuid,
    /// The id of the span.
    pub span_id: Uuid,
    /// The id of the parent span; `None` for a root span.
    pub parent_span_id: Option<Uuid>,
    /// The name of the span.
    pub operation: &'static str,
    /// Start time.
    pub started_at: DateTime<Utc>,
    /// The execution that the span belongs to; `None` only in runners with a known fault, for tests.
    pub execution: Option<ExecutionRef>,
    /// More attributes, such as the question.
    pub metadata: Json,
}

impl SpanStart {
    /// Creates the root span of an execution. The span starts now.
    pub fn root(
        operation: &'static str,
        trace_id: Uuid,
        execution: ExecutionRef,
        metadata: Json,
    ) -> Self {
        Self {
            trace_id,
            span_id: Uuid::new_v4(),
            parent_span_id: None,
            operation,
            started_at: Utc::now(),
            execution: Some(execution),
            metadata,
        }
    }

    /// Creates a child span. The span starts now.
    pub fn child(
        parent: &OpenSpan,
        operation: &'static str,
        execution: ExecutionRef,
        metadata: Json,
    ) -> Self {
        let root = Self::root(operation, parent.trace_id, execution, metadata);
        Self { parent_span_id: Some(parent.span_id), ..root }
    }
}

/// A span that started and has not ended. The database has a row for it only if the span is recorded.
#[derive(Debug)]
#[must_use = "a span that is never finished stays `started` in the database"]
pub struct OpenSpan {
    /// The id of the trace.
    pub trace_id: Uuid,
    /// The id of the span.
    pub span_id: Uuid,
    /// The name of the span.
    pub operation: &'static str,
    pub(super) started_at: DateTime<Utc>,
    /// The start on the monotonic clock.
    pub(super) start_instant: Instant,
    /// Whether the database has a row to update.
    pub(super) recorded: bool,
}

impl OpenSpan {
    pub(super) fn end(&self, status: SpanStatus, error: Option<(String, String)>) -> SpanEnd {
        let elapsed = self.start_instant.elapsed();
        // The end is the start plus a monotonic duration. It is never before the start, even if the
        // wall clock is set back.
        let completed_at = chrono::Duration::from_std(elapsed)
            .ok()
            .and_then(|elapsed| self.started_at.checked_add_signed(elapsed))
            .unwrap_or(self.started_at);
        SpanEnd { span_id: self.span_id, completed_at, duration: elapsed, status, error }
    }
}

/// The status of a span that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanStatus {
    /// The work succeeded.
    Completed,
    /// The work failed.
    Failed,
    /// The router did not answer in time.
    Timeout,
}

impl SpanStatus {
    /// Returns the text in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
        }
    }
}

/// The data of a span at its end.
#[derive(Debug, Clone)]
pub struct SpanEnd {
    /// The id of the span.
    pub span_id: Uuid,
    /// End time.
    pub completed_at: DateTime<Utc>,
    /// Duration on the monotonic clock.
    pub duration: Duration,
    /// The status.
    pub status: SpanStatus,
    /// Type and message of the error; `None` on success.
    pub error: Option<(String, String)>,
}
