//! Where jobs, units and spans are in the database: tables and columns, with defaults.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// The three tables that are read after a case.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tables {
    /// Jobs.
    pub jobs: JobTable,
    /// Units: the pieces of work that should leave spans.
    pub units: UnitTable,
    /// Spans.
    pub spans: SpanTable,
}

/// The table of jobs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct JobTable {
    /// Its name, with a schema where needed.
    pub table: String,
    /// The column with a job's id, as units refer to it.
    pub id: String,
    /// The column with the name that a submitter knows it by; empty where there is none.
    pub name: String,
    /// The column with the route it came in by; empty where there is none.
    pub route: String,
    /// The column with the time it was submitted; empty where there is none.
    pub created: String,
    /// The channel that a new job is notified on; empty where there is none.
    pub channel: String,
    /// The column with a job's status.
    pub status: String,
    /// The statuses of a job that waits for a worker.
    pub waiting: Vec<String>,
    /// The statuses of a job that has ended.
    pub done: Vec<String>,
}

/// The table of units.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct UnitTable {
    /// Its name, with a schema where needed.
    pub table: String,
    /// The column with a unit's id.
    pub id: String,
    /// The column with the id of its job; empty where there is none.
    pub job: String,
    /// The column with a unit's status.
    pub status: String,
    /// The column with its start; empty where there is none.
    pub started: String,
    /// The column with its end; empty where there is none.
    pub completed: String,
    /// The column with what the unit gave; empty where there is none.
    pub outcome: String,
    /// The columns that say which unit of its job it is.
    pub key: Vec<String>,
}

/// The table of spans.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct SpanTable {
    /// Its name, with a schema where needed.
    pub table: String,
    /// The column with the trace id.
    pub trace: String,
    /// The column with the span's id.
    pub id: String,
    /// The column with the parent's id; empty where there is none.
    pub parent: String,
    /// The column with the service's name; empty where there is none.
    pub service: String,
    /// The column with the operation.
    pub operation: String,
    /// The column with the start.
    pub started: String,
    /// The column with the end.
    pub completed: String,
    /// The column with the duration; empty where there is none.
    pub duration: String,
    /// The column with the status.
    pub status: String,
    /// The statuses of a span that has not ended.
    pub open: Vec<String>,
    /// The column with the error's text; empty where there is none.
    pub error: String,
    /// The column with the error's type; empty where there is none.
    pub error_type: String,
    /// The column that names the unit.
    pub unit: String,
    /// More columns that must agree with the unit's: span column to unit column.
    pub link: BTreeMap<String, String>,
    /// The header by which the upstream is told the trace id.
    pub header: Option<String>,
}

impl Tables {
    /// The column of spans that names the job; empty where there is none.
    pub(crate) fn span_job(&self) -> &str {
        let found = self.spans.link.iter().find(|(_, unit)| **unit == self.units.job);
        found.map_or("", |(span, _)| span.as_str())
    }
}

impl SpanTable {
    /// The columns that are named, each once.
    pub(crate) fn columns(&self) -> Vec<&str> {
        let own = [
            &self.trace,
            &self.id,
            &self.parent,
            &self.service,
            &self.operation,
            &self.started,
            &self.completed,
            &self.duration,
            &self.status,
            &self.error,
            &self.unit,
        ];
        let mut seen = BTreeSet::new();
        let all = own.into_iter().chain(self.link.keys()).map(String::as_str);
        all.filter(|name| !name.is_empty() && seen.insert(*name)).collect()
    }
}

impl Default for JobTable {
    fn default() -> Self {
        Self {
            table: "jobs".into(),
            id: "id".into(),
            name: "jobspec_id".into(),
            route: "route".into(),
            created: "created_at".into(),
            channel: String::new(),
            status: "status".into(),
            waiting: words(&["queued", "created", "pending"]),
            done: words(&["completed", "failed", "cancelled"]),
        }
    }
}

impl Default for UnitTable {
    fn default() -> Self {
        Self {
            table: "executions".into(),
            id: "id".into(),
            job: "job_id".into(),
            started: "started_at".into(),
            completed: "completed_at".into(),
            status: "status".into(),
            outcome: "output".into(),
            key: words(&["region", "model_id", "question_id"]),
        }
    }
}

impl Default for SpanTable {
    fn default() -> Self {
        let link = ["job_id", "model_id", "region", "status"];
        Self {
            table: "trace_spans".into(),
            trace: "trace_id".into(),
            id: "span_id".into(),
            parent: "parent_span_id".into(),
            service: "service".into(),
            operation: "operation".into(),
            started: "started_at".into(),
            completed: "completed_at".into(),
            duration: "duration_ms".into(),
            status: "status".into(),
            open: words(&["started"]),
            error: "error_message".into(),
            error_type: "error_type".into(),
            unit: "execution_id".into(),
            link: link.into_iter().map(|name| (name.to_owned(), name.to_owned())).collect(),
            header: None,
        }
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
