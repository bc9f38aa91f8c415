//! One span, read from its row.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json};

use crate::evidence::Row;
use crate::spec::SpanTable;

/// A span.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Its trace's id.
    pub trace: String,
    /// Its id.
    pub id: String,
    /// Its parent's id.
    pub parent: Option<String>,
    /// The service it is of; empty where the table does not say.
    pub service: String,
    /// What it is about.
    pub operation: String,
    /// Its start.
    pub started: Option<DateTime<Utc>>,
    /// Its end; nothing while it is open.
    pub completed: Option<DateTime<Utc>>,
    /// Its duration in milliseconds, as the service has measured it.
    pub duration_ms: Option<f64>,
    /// Its status.
    pub status: String,
    /// Whether it has not ended.
    pub open: bool,
    /// Its error's text.
    pub error: Option<String>,
    /// Its error's type.
    pub error_type: Option<String>,
    /// The unit it is of.
    pub unit: Option<String>,
    /// All its other columns that hold something.
    pub attributes: Map<String, Json>,
}

impl Span {
    /// Reads a row with the columns that a spec names. Secrets in its texts are masked.
    pub fn of(table: &SpanTable, row: &Row) -> Self {
        let text = |column: &str| match row.get(column)? {
            Json::Null => None,
            Json::String(text) => Some(crate::mask::text(text)),
            other => Some(other.to_string()),
        };
        let time = |column: &str| crate::timestamp::timestamp(row.get(column)?.as_str()?);
        let status = text(&table.status).unwrap_or_default();
        let completed = time(&table.completed);
        let own = [
            &table.trace,
            &table.id,
            &table.parent,
            &table.service,
            &table.operation,
            &table.started,
            &table.completed,
            &table.duration,
            &table.status,
            &table.error,
        ];
        let attributes = row.iter().filter(|(name, value)| !value.is_null() && !own.contains(name));
        let masked = |value: &Json| {
            let mut value = value.clone();
            crate::mask::Secrets::default().json(&mut value);
            value
        };
        Self {
            trace: text(&table.trace).unwrap_or_default(),
            id: text(&table.id).unwrap_or_default(),
            parent: text(&table.parent),
            service: text(&table.service).unwrap_or_default(),
            operation: text(&table.operation).unwrap_or_default(),
            started: time(&table.started),
            completed,
            duration_ms: row.get(&table.duration).and_then(Json::as_f64),
            open: table.open.contains(&status) || completed.is_none(),
            status,
            error: text(&table.error),
            error_type: text(&table.error_type),
            unit: text(&table.unit),
            attributes: attributes.map(|(name, value)| (name.clone(), masked(value))).collect(),
        }
    }

    /// Its duration in milliseconds: as measured, or from its times; nothing while it is open.
    pub fn took_ms(&self) -> Option<f64> {
        let span = || {
            let micros = (self.completed? - self.started?).num_microseconds()?;
            #[expect(clippy::cast_precision_loss, reason = "exact for 285 years")]
            Some(micros as f64 / 1000.0)
        };
        if self.open { None } else { self.duration_ms.or_else(span) }
    }

    /// What went wrong, in one text: the error's type and its words.
    pub fn trouble(&self) -> Option<String> {
        match (&self.error_type, &self.error) {
            (Some(kind), Some(text)) => Some(format!("{kind}: {text}")),
            (kind, text) => kind.clone().or_else(|| text.clone()),
        }
    }

    /// Whether it tells of a failure.
    pub fn failed(&self) -> bool {
        let status = self.status.to_lowercase();
        self.trouble().is_some()
            || ["fail", "error", "timeout"].iter().any(|word| status.contains(word))
    }
}
