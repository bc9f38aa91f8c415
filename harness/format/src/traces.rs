//! `traces --format json`.

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

/// A trace with what the database says about it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Trace {
    /// Its id; empty for spans without a trace id.
    pub trace_id: String,
    /// The start of its first span.
    pub started: Option<DateTime<Utc>>,
    /// The last time of its spans; `None` in a document of 0.1.0.
    #[serde(default)]
    pub ended: Option<DateTime<Utc>>,
    /// Milliseconds from the first start to the last end.
    pub duration_ms: i64,
    /// Its spans, each below its parent.
    pub spans: Vec<TraceSpan>,
    /// Ids of spans whose parent is missing.
    pub orphans: Vec<String>,
    /// Long times in which nothing ran.
    pub gaps: Vec<Gap>,
    /// What the diagnostic functions of the database return for its executions.
    pub diagnostics: Vec<Diagnostic>,
    /// The jobs that its spans name; empty in a document of 0.1.0.
    #[serde(default)]
    pub jobs: BTreeSet<String>,
    /// The executions that its spans name; empty in a document of 0.1.0.
    #[serde(default)]
    pub executions: BTreeSet<String>,
}

/// A span in its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TraceSpan {
    /// Its id.
    pub id: String,
    /// Its parent's id; `None` for a root span.
    pub parent: Option<String>,
    /// How deep it stands.
    pub depth: usize,
    /// Why it stands there.
    pub place: SpanPlace,
    /// Milliseconds before it in which none of its siblings ran; `None` if there is no long gap.
    pub gap_before_ms: Option<i64>,
    /// The service's name.
    pub service: String,
    /// Its name.
    pub operation: String,
    /// Its start.
    pub started: Option<DateTime<Utc>>,
    /// Its end, as recorded.
    pub completed: Option<DateTime<Utc>>,
    /// Its end; `None` until it has ended, and in a document of 0.1.0.
    #[serde(default)]
    pub ended: Option<DateTime<Utc>>,
    /// Its duration in milliseconds.
    pub duration_ms: Option<f64>,
    /// Its status, as recorded.
    pub status: String,
    /// Whether it has not ended.
    pub open: bool,
    /// Whether its operation failed; `None` in a document of 0.1.0.
    #[serde(default)]
    pub failed: Option<bool>,
    /// The text of its error.
    pub error: Option<String>,
    /// The type of its error.
    pub error_type: Option<String>,
    /// The id of its execution.
    pub execution: Option<String>,
    /// Everything else that was recorded with it.
    pub attributes: Map<String, Json>,
}

/// Why a span stands where it stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SpanPlace {
    /// It has no parent.
    #[default]
    Root,
    /// It stands below its parent.
    Child,
    /// Its parent was never written.
    Orphan,
    /// It is its own ancestor.
    Circle,
    /// A place of a newer version.
    #[serde(other)]
    Unknown,
}

/// A long time in which nothing ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Gap {
    /// The id of the span after it.
    pub before: String,
    /// Its length in milliseconds.
    pub ms: i64,
}

/// What a diagnostic function of the database returns for an execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Diagnostic {
    /// The execution.
    pub execution: String,
    /// The function.
    pub function: String,
    /// The rows; `None` if the call failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Vec<Row>>,
    /// Why the call failed; `None` if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Traces {
    /// Creates the document of traces.
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
    /// Creates an open root span without times and attributes.
    pub fn new(id: impl Into<String>, operation: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            parent: None,
            depth: 0,
            place: SpanPlace::Root,
            gap_before_ms: None,
            service: String::new(),
            operation: operation.into(),
            started: None,
            completed: None,
            ended: None,
            duration_ms: None,
            status: String::new(),
            open: true,
            failed: Some(false),
            error: None,
            error_type: None,
            execution: None,
            attributes: Map::new(),
        }
    }
}

impl Gap {
    /// Creates a gap before a span.
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
