//! What a span says when it starts and when it ends.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use uuid::Uuid;

/// The unit a span belongs to: the same ids as its row in `executions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// `jobs.id`.
    pub job_id: i64,
    /// `executions.id`.
    pub execution_id: i64,
    /// The model asked.
    pub model_id: String,
    /// The region asked in.
    pub region: String,
}

/// A span at its start.
#[derive(Debug, Clone)]
pub struct SpanStart {
    /// Shared by all spans of one unit.
    pub trace_id: Uuid,
    /// This span.
    pub span_id: Uuid,
    /// The span around this one.
    pub parent_span_id: Option<Uuid>,
    /// What is done.
    pub operation: &'static str,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// The unit; `None` only where a fault takes it away.
    pub subject: Option<Subject>,
    /// More about it, such as the question.
    pub metadata: Json,
}

impl SpanStart {
    /// The outermost span of a unit, beginning now.
    pub fn root(operation: &'static str, trace_id: Uuid, subject: Subject, metadata: Json) -> Self {
        Self {
            trace_id,
            span_id: Uuid::new_v4(),
            parent_span_id: None,
            operation,
            started_at: Utc::now(),
            subject: Some(subject),
            metadata,
        }
    }

    /// A span inside another one of the same unit, beginning now.
    pub fn inside(
        parent: &OpenSpan,
        operation: &'static str,
        subject: Subject,
        metadata: Json,
    ) -> Self {
        let root = Self::root(operation, parent.trace_id, subject, metadata);
        Self { parent_span_id: Some(parent.span_id), ..root }
    }
}

/// A span that has begun, whether or not it could be recorded.
#[derive(Debug)]
#[must_use = "a span that is never finished stays `started` in the database"]
pub struct OpenSpan {
    /// Its trace.
    pub trace_id: Uuid,
    /// Its id.
    pub span_id: Uuid,
    /// What is done.
    pub operation: &'static str,
    pub(super) started_at: DateTime<Utc>,
    pub(super) clock: Instant,
    /// Whether there is a row to complete.
    pub(super) recorded: bool,
}

impl OpenSpan {
    pub(super) fn end(&self, status: SpanStatus, error: Option<(String, String)>) -> SpanEnd {
        let elapsed = self.clock.elapsed();
        // Wall clock plus a monotonic duration: never before the start, whatever the wall clock does.
        let completed_at = chrono::Duration::from_std(elapsed)
            .ok()
            .and_then(|elapsed| self.started_at.checked_add_signed(elapsed))
            .unwrap_or(self.started_at);
        SpanEnd { span_id: self.span_id, completed_at, duration: elapsed, status, error }
    }
}

/// How a span ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanStatus {
    /// Well.
    Completed,
    /// With an error.
    Failed,
    /// Without an answer in time.
    Timeout,
}

impl SpanStatus {
    /// The text in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
        }
    }
}

/// A span at its end.
#[derive(Debug, Clone)]
pub struct SpanEnd {
    /// Which span.
    pub span_id: Uuid,
    /// When.
    pub completed_at: DateTime<Utc>,
    /// How long it took.
    pub duration: Duration,
    /// How it went.
    pub status: SpanStatus,
    /// The error's type and message, when there was one.
    pub error: Option<(String, String)>,
}
