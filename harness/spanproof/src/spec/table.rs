//! `[tables]`: the names of the tables and columns of jobs, units (the parts of a job, which must leave
//! spans) and spans, with defaults.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::Columns;
use crate::document::{Document, Error};
use crate::identifier::TableName;
use crate::json_path::JsonPath;

/// The keys under `[tables]` whose values are not columns.
const NOT_COLUMNS: [&str; 6] = ["table", "channel", "waiting", "done", "not-ended", "header"];

/// The three tables that are read after each case.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tables {
    /// The table of jobs.
    pub jobs: JobTable,
    /// The table of units: the parts of jobs, which must have spans.
    pub units: UnitTable,
    /// The table of spans.
    pub spans: SpanTable,
}

/// The keys under `[tables]` with their positions in the file.
#[derive(Debug, Deserialize)]
struct TableKeys {
    #[serde(default)]
    tables: BTreeMap<String, BTreeMap<String, Spanned<toml::Value>>>,
}

/// The table of jobs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct JobTable {
    /// The name of the table, with its schema if it needs one.
    #[serde(deserialize_with = "table_name")]
    pub table: String,
    /// The column of the job's id, which units refer to.
    pub id: String,
    /// The column of the name that the submitter gave the job; empty if there is none.
    pub name: String,
    /// The column of the route (the way the job was submitted); empty if there is none.
    pub route: String,
    /// The column of the time of submission; empty if there is none.
    pub created: String,
    /// The channel on which the database announces new jobs (`NOTIFY`); empty if there is none.
    pub channel: String,
    /// The column of the status.
    pub status: String,
    /// The statuses of a job that is waiting for a worker.
    pub waiting: Vec<String>,
    /// The statuses of a job that has ended.
    pub done: Vec<String>,
}

/// The table of units.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct UnitTable {
    /// The name of the table, with its schema if it needs one.
    #[serde(deserialize_with = "table_name")]
    pub table: String,
    /// The columns that together are the unit's id.
    #[schemars(schema_with = "super::schema::names")]
    pub id: Columns,
    /// The column of the id of the unit's job; empty if there is none.
    pub job: String,
    /// The column of the status.
    pub status: String,
    /// The statuses of a unit that succeeded. If empty, a status means an error only if it contains a word
    /// for an error, such as `failed`.
    #[serde(deserialize_with = "statuses")]
    #[schemars(schema_with = "super::schema::statuses")]
    pub ok: Vec<String>,
    /// The column of the start time; empty if there is none.
    pub started: String,
    /// The column of the end time; empty if there is none.
    pub completed: String,
    /// The column of the unit's result, which must be the same with and without tracing; empty if
    /// there is none.
    pub outcome: String,
    /// The columns that distinguish the units of a job. Their values are the same in each run of the job.
    pub key: Vec<String>,
}

/// The table of spans.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct SpanTable {
    /// The name of the table, with its schema if it needs one.
    #[serde(deserialize_with = "table_name")]
    pub table: String,
    /// The column of the trace id.
    pub trace: String,
    /// The column of the span id.
    pub id: String,
    /// The column of the parent's span id; empty if there is none.
    pub parent: String,
    /// The column of the service's name; empty if there is none.
    pub service: String,
    /// The column of the span's name.
    pub name: String,
    /// The column of the start time.
    pub started: String,
    /// The column of the end time.
    pub completed: String,
    /// The column of the duration; empty if there is none.
    pub duration: String,
    /// The column of the status.
    pub status: String,
    /// The statuses of a span that succeeded. If empty, a status means an error only if it contains a word
    /// for an error, such as `failed`.
    #[serde(deserialize_with = "statuses")]
    #[schemars(schema_with = "super::schema::statuses")]
    pub ok: Vec<String>,
    /// The statuses of a span that has not ended. Empty if the service inserts each span when it ends.
    #[serde(deserialize_with = "statuses")]
    #[schemars(schema_with = "super::schema::statuses")]
    pub not_ended: Vec<String>,
    /// The column of the error's message; empty if there is none.
    pub error: String,
    /// The column of the error's type; empty if there is none.
    pub error_type: String,
    /// The columns that together are the id of the span's unit.
    #[schemars(schema_with = "super::schema::names")]
    pub unit: Columns,
    /// Attributes that must agree with the unit: for each column of spans, the column of units with the same
    /// meaning.
    pub attributes: BTreeMap<String, String>,
    /// The header that carries the trace id to the upstream, if there is one.
    pub header: Option<String>,
}

impl JobTable {
    /// Returns the names of the columns. A name is empty if the table has no such column.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        [&self.id, &self.name, &self.route, &self.created, &self.status]
            .into_iter()
            .map(String::as_str)
    }
}

impl Tables {
    /// Rejects a column that contains `->` but is not a path into JSON. Also rejects ids of units that have a
    /// different number of columns in the table of spans and in the table of units.
    pub(super) fn check(&self, document: &Document) -> Result<(), Error> {
        let TableKeys { tables } = document.parse()?;
        let keys =
            tables.values().flatten().filter(|(key, _)| !NOT_COLUMNS.contains(&key.as_str()));
        for (_, value) in keys {
            if let Some(problem) = path_problem(value.get_ref()) {
                return Err(document.error_at(value.span(), problem));
            }
        }
        let (id, unit) = (&self.units.id, &self.spans.unit);
        let is_known = !id.columns().is_empty() && !unit.columns().is_empty();
        if !is_known || id.columns().len() == unit.columns().len() {
            return Ok(());
        }
        let key = |table: &str, key: &str| tables.get(table)?.get(key).map(Spanned::span);
        let span = key("spans", "unit").or_else(|| key("units", "id")).unwrap_or(0..0);
        let message = format!(
            "`unit` in `[tables.spans]` names a unit by {}, but `id` in `[tables.units]` is {}; list the \
             same parts of the id in the same order",
            list(unit.columns()),
            list(id.columns())
        );
        Err(document.error_at(span, message))
    }

    /// Returns the names of the columns of units.
    pub(crate) fn unit_columns(&self) -> impl Iterator<Item = &str> {
        let UnitTable { id, job, status, started, completed, outcome, key, .. } = &self.units;
        let columns = [job, status, started, completed, outcome].into_iter();
        let all = id.columns().iter().chain(columns).chain(key);
        all.chain(self.spans.attributes.values()).map(String::as_str)
    }

    /// Whether the spec lists the statuses that mean success. If it does, the statuses of a span and
    /// its unit agree if both succeeded or both failed. Otherwise they must be the same word.
    pub(crate) fn compares_success(&self) -> bool {
        !self.spans.ok.is_empty() || !self.units.ok.is_empty()
    }

    /// Returns the column of spans that contains the job's id; empty if there is none.
    pub(crate) fn span_job(&self) -> String {
        let found = self.spans.attributes.iter().find(|(_, unit)| **unit == self.units.job);
        found.map_or_else(String::new, |(span, _)| span.clone())
    }
}

impl SpanTable {
    /// Whether the service writes a span only when it ends: `not-ended` lists no status.
    pub(crate) fn only_ended(&self) -> bool {
        self.not_ended.is_empty()
    }

    /// Whether a statement is about spans even if it names a different table: it names at least three of
    /// the columns for trace, id, parent, name and start. `is_named` returns whether the statement names a
    /// column.
    pub(crate) fn has_columns_in(&self, is_named: impl Fn(&str) -> bool) -> bool {
        let columns = [&self.trace, &self.id, &self.parent, &self.name, &self.started];
        let is_named = |column: &&&String| !column.is_empty() && is_named(column);
        columns.iter().filter(is_named).count() >= 3
    }

    /// Returns the names of the columns, each once.
    pub(crate) fn columns(&self) -> Vec<&str> {
        let columns = [
            &self.trace,
            &self.id,
            &self.parent,
            &self.service,
            &self.name,
            &self.started,
            &self.completed,
            &self.duration,
            &self.status,
            &self.error,
        ];
        let mut seen = BTreeSet::new();
        let all = columns.into_iter().chain(self.unit.columns()).chain(self.attributes.keys());
        let all = all.map(String::as_str);
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
            id: Columns::new("id"),
            job: "job_id".into(),
            started: "started_at".into(),
            completed: "completed_at".into(),
            status: "status".into(),
            ok: Vec::new(),
            outcome: "output".into(),
            key: words(&["region", "model_id", "question_id"]),
        }
    }
}

impl Default for SpanTable {
    fn default() -> Self {
        let attributes = ["job_id", "model_id", "region", "status"];
        Self {
            table: "trace_spans".into(),
            trace: "trace_id".into(),
            id: "span_id".into(),
            parent: "parent_span_id".into(),
            service: "service".into(),
            name: "operation".into(),
            started: "started_at".into(),
            completed: "completed_at".into(),
            duration: "duration_ms".into(),
            status: "status".into(),
            ok: Vec::new(),
            not_ended: words(&["started"]),
            error: "error_message".into(),
            error_type: "error_type".into(),
            unit: Columns::new("execution_id"),
            attributes: attributes
                .into_iter()
                .map(|name| (name.to_owned(), name.to_owned()))
                .collect(),
            header: None,
        }
    }
}

/// Deserializes the name of a table, and rejects an ambiguous name. An empty string means that there is
/// no such table.
fn table_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(text);
    }
    TableName::parse(&text).map_err(de::Error::custom)?;
    Ok(text)
}

/// Deserializes a list of statuses, which are strings or numbers.
fn statuses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a status: a string or a number")]
    enum Status {
        Text(String),
        Number(i64),
    }
    let all = Vec::<Status>::deserialize(deserializer)?.into_iter();
    Ok(all
        .map(|status| match status {
            Status::Text(text) => text,
            Status::Number(number) => number.to_string(),
        })
        .collect())
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Returns what is wrong with the paths into JSON in a value; `None` if nothing is wrong.
fn path_problem(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => JsonPath::parse(text).err(),
        toml::Value::Array(items) => items.iter().find_map(path_problem),
        toml::Value::Table(pairs) => pairs
            .iter()
            .find_map(|(name, value)| JsonPath::parse(name).err().or_else(|| path_problem(value))),
        _ => None,
    }
}

/// Lists columns in backticks.
fn list(columns: &[String]) -> String {
    let names: Vec<_> = columns.iter().map(|column| format!("`{column}`")).collect();
    names.join(" and ")
}
