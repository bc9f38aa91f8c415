//! The document that `traces --format json` prints. An execution is a unit of a job: a row of the
//! unit table. A diagnostic function is an SQL function in the database that explains the spans of
//! one execution, such as `identify_root_cause`.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::rows::Row;
use super::version::SCHEMA;

/// Traces of an existing system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Traces {
    /// The version of this document.
    pub schema: u32,
    /// The traces, the earliest first.
    pub traces: Vec<Trace>,
    /// What could not be read, each with its reason.
    pub unread: Vec<String>,
}

/// A trace, with the results of the diagnostic functions in the database.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Trace {
    /// The trace id; empty if the spans have no trace id.
    pub trace_id: String,
    /// The start of the first span.
    pub started: Option<DateTime<Utc>>,
    /// The latest end or start of a span; `None` in documents of spanproof 0.1.0.
    #[serde(default)]
    pub ended: Option<DateTime<Utc>>,
    /// Milliseconds from `started` to `ended`.
    pub duration_ms: i64,
    /// The spans of the trace. Each span follows its parent.
    pub spans: Vec<TraceSpan>,
    /// Ids of spans whose parent is not in the trace.
    pub orphans: Vec<String>,
    /// Long periods in which no span of the same parent ran.
    pub gaps: Vec<Gap>,
    /// Results of the diagnostic functions, which are called with the ids of `executions`.
    pub diagnostics: Vec<Diagnostic>,
    /// Ids of the jobs to which the spans belong; empty in documents of spanproof 0.1.0.
    #[serde(default)]
    pub jobs: BTreeSet<String>,
    /// Ids of the executions to which the spans belong; empty in documents of spanproof 0.1.0.
    #[serde(default)]
    pub executions: BTreeSet<String>,
}

/// A span and its position in the trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TraceSpan {
    /// The span's id.
    pub id: String,
    /// The parent's id; `None` for a root span.
    pub parent: Option<String>,
    /// The span's depth in the tree; 0 for a root span.
    pub depth: usize,
    /// The span's position in the tree.
    #[serde(rename = "place")]
    pub position: SpanPosition,
    /// The length of the gap before the span, in milliseconds; `None` if there is no gap. In a gap,
    /// no span of the same parent ran for more than 5 s, or for more than half of the trace.
    pub gap_before_ms: Option<i64>,
    /// The name of the service that recorded the span.
    pub service: String,
    /// The span's name.
    #[serde(rename = "operation")]
    pub name: String,
    /// The recorded start time.
    pub started: Option<DateTime<Utc>>,
    /// The recorded end time, even if the status says that the span has not ended.
    pub completed: Option<DateTime<Utc>>,
    /// The recorded end time; `None` if the status says that the span has not ended, and in documents of
    /// spanproof 0.1.0.
    #[serde(default)]
    pub ended: Option<DateTime<Utc>>,
    /// The duration in milliseconds; `None` if unknown.
    pub duration_ms: Option<f64>,
    /// The recorded status.
    pub status: String,
    /// Whether the span has not ended.
    #[serde(rename = "open")]
    pub not_ended: bool,
    /// Whether the span failed; `None` in documents of spanproof 0.1.0.
    #[serde(default)]
    pub failed: Option<bool>,
    /// The error message; `None` if there is none.
    pub error: Option<String>,
    /// The error type (`error.type`); `None` if there is none.
    pub error_type: Option<String>,
    /// The id of the span's execution, as in [`Trace::executions`].
    pub execution: Option<String>,
    /// All other recorded columns.
    pub attributes: Map<String, Json>,
}

/// The position of a span in its trace's tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SpanPosition {
    /// The span has no parent.
    #[default]
    Root,
    /// The span has a parent in the trace.
    Child,
    /// The span names a parent that is not in the trace.
    Orphan,
    /// The span is its own ancestor.
    #[serde(rename = "circle")]
    Cycle,
    /// A position of a newer version.
    #[serde(other)]
    Unknown,
}

/// A long period in which no span of the same parent ran, as in [`TraceSpan::gap_before_ms`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Gap {
    /// The id of the span after the gap.
    pub before: String,
    /// The length of the gap in milliseconds.
    pub ms: i64,
}

/// The result of calling a diagnostic function for an execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Diagnostic {
    /// The execution's id.
    pub execution: String,
    /// The function's name.
    pub function: String,
    /// The returned rows; `None` if the call failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Vec<Row>>,
    /// The error; `None` if the call succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Traces {
    /// Creates a document of traces.
    pub fn new(traces: Vec<Trace>, unread: Vec<String>) -> Self {
        Self { schema: SCHEMA, traces, unread }
    }
}

impl Trace {
    /// Creates a trace without spans.
    pub fn new(trace_id: impl Into<String>) -> Self {
        Self { trace_id: trace_id.into(), ..Self::default() }
    }
}

impl TraceSpan {
    /// Creates a root span that has not ended, without times and attributes.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            parent: None,
            depth: 0,
            position: SpanPosition::Root,
            gap_before_ms: None,
            service: String::new(),
            name: name.into(),
            started: None,
            completed: None,
            ended: None,
            duration_ms: None,
            status: String::new(),
            not_ended: true,
            failed: Some(false),
            error: None,
            error_type: None,
            execution: None,
            attributes: Map::new(),
        }
    }
}

impl Gap {
    /// Creates a gap.
    pub fn new(before: impl Into<String>, ms: i64) -> Self {
        Self { before: before.into(), ms }
    }
}

impl Diagnostic {
    /// Creates the result of a call.
    pub fn new(
        execution: impl Into<String>,
        function: impl Into<String>,
        result: Result<Vec<Row>, String>,
    ) -> Self {
        let (rows, error) = match result {
            Ok(rows) => (Some(rows), None),
            Err(error) => (None, Some(error)),
        };
        Self { execution: execution.into(), function: function.into(), rows, error }
    }
}
