//! `done`: how to recognise that a job has ended, if not by its status in the table of jobs.

use schemars::JsonSchema;
use serde::Deserialize;

/// How to recognise that a job has ended: exactly one of four conditions.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Done {
    /// A regular expression for the line that the service prints when the job has ended.
    pub line: Option<String>,
    /// A path at which the service answers with a success status when the job has ended. It may have
    /// placeholders for parts of the job, and of the service's answer to the submission.
    pub http: Option<String>,
    /// A JSON pointer into the answer of `http`. Without it, the status of the answer alone decides.
    pub pointer: Option<String>,
    /// The values at `pointer` that mean that the job has ended.
    pub values: Vec<String>,
    /// A query that returns a row whose first column is true when the job has ended. It may have
    /// placeholders as in `http`.
    pub sql: Option<String>,
    /// Whether a job has ended as soon as it is accepted.
    pub accepted: bool,
}

impl Done {
    /// Returns what is wrong with the rule; `None` if nothing is wrong.
    pub(super) fn problem(&self) -> Option<String> {
        let Self { line, http, pointer, values, sql, accepted } = self;
        let conditions = [line.is_some(), http.is_some(), sql.is_some(), *accepted];
        if conditions.iter().filter(|is_set| **is_set).count() != 1 {
            let message = "`done` needs exactly one of `line`, `http`, `sql` and `accepted = true`";
            return Some(message.to_owned());
        }
        if (pointer.is_some() || !values.is_empty()) && http.is_none() {
            return Some("`done`: `pointer` and `values` need `http`".to_owned());
        }
        if pointer.is_some() == values.is_empty() {
            return Some("`done` needs both `pointer` and `values`, or neither".to_owned());
        }
        let error = regex::Regex::new(line.as_deref()?).err()?;
        Some(format!("`done.line` is not a regular expression: {error}"))
    }
}
