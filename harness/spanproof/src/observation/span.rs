//! One span in OpenTelemetry's words, read from whatever recorded it: the only reader of spans.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json};

use super::table::{text, time};
use super::{Row, Rows};
use crate::spec::SpanTable;

/// Where spans come from: a table of the database today. Who takes spans from it does not know.
pub(crate) trait SpanSource {
    /// What people call the place where they are recorded.
    fn place(&self) -> &str;

    /// Every span that was recorded.
    ///
    /// # Errors
    /// The reason why spans can't be read.
    fn spans(&self) -> Result<Vec<Span>, &str>;
}

/// The span table as a source: its rows, read by the mapping of a spec.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpanRows<'a> {
    /// What its columns are called.
    pub mapping: &'a SpanTable,
    /// Its rows.
    pub rows: &'a Rows,
}

impl SpanSource for SpanRows<'_> {
    fn place(&self) -> &str {
        &self.mapping.table
    }

    fn spans(&self) -> Result<Vec<Span>, &str> {
        match self.rows {
            Rows::Found(rows) => Ok(Span::from_rows(self.mapping, rows)),
            Rows::Unreadable(why) => Err(why),
        }
    }
}

/// A recorded span. Whatever was not recorded is `None`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Span {
    /// Its trace's id.
    pub trace: Option<String>,
    /// Its id.
    pub id: Option<String>,
    /// Its parent's id; `None` for a root span.
    pub parent: Option<String>,
    /// The name of the service that recorded it: `service.name`.
    pub service: Option<String>,
    /// Its name: the operation that it times.
    pub name: Option<String>,
    /// Its start.
    pub started: Option<Time>,
    /// Its end.
    pub ended: Option<Time>,
    /// Its duration in milliseconds, as the service has measured it.
    pub duration_ms: Option<f64>,
    /// Its status.
    pub status: Status,
    /// The text of its error.
    pub error: Option<String>,
    /// `error.type`
    pub error_type: Option<String>,
    /// The id of the unit of work that it is of.
    pub unit: Option<String>,
    /// What must agree with its unit, by the name under which the span has it.
    pub links: BTreeMap<String, Option<String>>,
    /// Everything else that was recorded with it.
    pub attributes: Map<String, Json>,
    /// The duration as it was recorded.
    duration: Option<String>,
    lacks_duration: bool,
    missing_end: Option<Field>,
}

/// A time as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Time {
    /// The text of the record.
    pub text: String,
    /// The time that it means; `None` if it means none, such as `infinity`.
    pub at: Option<DateTime<Utc>>,
}

/// The status of a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    /// What the text means.
    pub code: StatusCode,
    /// The text of the record.
    pub text: Option<String>,
}

/// The meaning of a status, as OpenTelemetry defines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatusCode {
    /// Nothing: none is recorded, or the span has not ended.
    Unset,
    /// The operation succeeded.
    Ok,
    /// The operation failed.
    Error,
}

/// A part of a span that has a name of its own where it is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// The trace's id.
    Trace,
    /// The parent's id.
    Parent,
    /// The service.
    Service,
    /// The start.
    Started,
    /// The end.
    Ended,
    /// The duration.
    Duration,
    /// The status.
    Status,
    /// The unit.
    Unit,
}

impl Span {
    /// Reads rows by the mapping of a spec.
    pub(crate) fn from_rows(mapping: &SpanTable, rows: &[Row]) -> Vec<Self> {
        rows.iter().map(|row| Self::from_row(mapping, row)).collect()
    }

    /// Reads a row by the mapping of a spec.
    pub(crate) fn from_row(mapping: &SpanTable, row: &Row) -> Self {
        let value = |column: &str| text(row, column);
        let at = |column: &str| value(column).map(|text| Time { text, at: time(row, column) });
        // Columns that may not be null hold an empty text where there was no error.
        let written = |column: &str| value(column).filter(|text| !text.is_empty());
        let (error, error_type) = (written(&mapping.error), written(&mapping.error_type));
        let (ended, status) = (at(&mapping.completed), value(&mapping.status));
        let duration = row.get(&mapping.duration);
        let open = status.as_ref().is_some_and(|status| mapping.open.contains(status));
        let missing_end = match (open, &ended) {
            (true, _) => Some(Field::Status),
            // Where no column is named for the end, a span that is not open has ended.
            (false, None) if !mapping.completed.is_empty() => Some(Field::Ended),
            (false, _) => None,
        };
        let code = match status.as_deref().and_then(StatusCode::from_text) {
            Some(StatusCode::Unset) | None if error.is_some() || error_type.is_some() => {
                StatusCode::Error
            }
            Some(code) => code,
            None if status.is_some() && missing_end.is_none() => StatusCode::Ok,
            None => StatusCode::Unset,
        };
        Self {
            trace: value(&mapping.trace),
            id: value(&mapping.id),
            parent: value(&mapping.parent),
            service: value(&mapping.service),
            name: value(&mapping.operation),
            started: at(&mapping.started),
            ended,
            duration_ms: duration.and_then(milliseconds),
            status: Status { code, text: status },
            error,
            error_type,
            unit: value(&mapping.unit),
            links: mapping.link.keys().map(|name| (name.clone(), value(name))).collect(),
            attributes: attributes(mapping, row),
            duration: value(&mapping.duration),
            lacks_duration: duration == Some(&Json::Null),
            missing_end,
        }
    }

    /// Whether it has ended: its record has an end, and no status of a span that is open. That it has
    /// no status is no reason: OpenTelemetry leaves a status unset unless somebody sets one.
    pub(crate) fn has_ended(&self) -> bool {
        self.missing_end.is_none()
    }

    /// Whether it has ended, and its record says how long it took if it has a field for that.
    pub(crate) fn is_complete(&self) -> bool {
        self.has_ended() && !self.lacks_duration
    }

    /// Its end; `None` until it has ended.
    pub(crate) fn end(&self) -> Option<DateTime<Utc>> {
        self.ended.as_ref().filter(|_| self.has_ended())?.at
    }

    /// Its start as a time.
    pub(crate) fn start(&self) -> Option<DateTime<Utc>> {
        self.started.as_ref()?.at
    }

    /// Its duration in milliseconds: as measured, or from its times; `None` until it has ended.
    pub(crate) fn took_ms(&self) -> Option<f64> {
        let span = || {
            let micros = (self.end()? - self.start()?).num_microseconds()?;
            #[expect(clippy::cast_precision_loss, reason = "exact for 285 years")]
            Some(micros as f64 / 1000.0)
        };
        if self.has_ended() { self.duration_ms.or_else(span) } else { None }
    }

    /// Whether it ends before it starts, or has a negative duration.
    pub(crate) fn is_impossible(&self) -> bool {
        let backwards = match (&self.started, &self.ended) {
            (Some(start), Some(end)) => end.is_before(start),
            _ => false,
        };
        let is_negative = |text: &str| match text.parse::<f64>() {
            Ok(number) => number < 0.0,
            // An interval: `-00:00:01`.
            Err(_) => text.starts_with('-'),
        };
        backwards || self.duration.as_deref().is_some_and(is_negative)
    }

    /// Whether its operation failed.
    pub(crate) fn failed(&self) -> bool {
        self.status.code == StatusCode::Error
    }

    /// Its error in one text: `error.type` and the error's text.
    pub(crate) fn error_text(&self) -> Option<String> {
        match (&self.error_type, &self.error) {
            (Some(kind), Some(text)) => Some(format!("{kind}: {text}")),
            (kind, text) => kind.clone().or_else(|| text.clone()),
        }
    }

    /// A field as it was recorded.
    pub(crate) fn recorded(&self, field: Field) -> Option<String> {
        let time = |time: &Option<Time>| time.as_ref().map(|time| time.text.clone());
        match field {
            Field::Trace => self.trace.clone(),
            Field::Parent => self.parent.clone(),
            Field::Service => self.service.clone(),
            Field::Started => time(&self.started),
            Field::Ended => time(&self.ended),
            Field::Duration => self.duration.clone(),
            Field::Status => self.status.text.clone(),
            Field::Unit => self.unit.clone(),
        }
    }
}

impl Time {
    /// Whether it is known to be before another one: as a time, or as a number of the same unit.
    fn is_before(&self, other: &Self) -> bool {
        match (self.at, other.at) {
            (Some(this), Some(other)) => this < other,
            _ => match (self.text.parse::<f64>(), other.text.parse::<f64>()) {
                (Ok(this), Ok(other)) => this < other,
                _ => false,
            },
        }
    }
}

impl StatusCode {
    /// The code that a recorded status names: one of OpenTelemetry's own, by its name or number, or
    /// an error in the words of the service. `None` if it is a word for anything else.
    fn from_text(status: &str) -> Option<Self> {
        let status = status.trim().to_lowercase();
        match status.strip_prefix("status_code_").unwrap_or(&status) {
            "unset" | "0" => return Some(Self::Unset),
            "ok" | "1" => return Some(Self::Ok),
            "2" => return Some(Self::Error),
            _ => {}
        }
        let words: Vec<_> = status.split(|c: char| !c.is_alphanumeric()).collect();
        let is_error = |word: &str| {
            ["fail", "error", "timeout", "timedout"].iter().any(|error| word.starts_with(error))
        };
        let denied = |at: usize| at > 0 && ["no", "not", "without"].contains(&words[at - 1]);
        let found = words.iter().enumerate().any(|(at, word)| is_error(word) && !denied(at));
        found.then_some(Self::Error)
    }
}

impl Field {
    /// The column that a mapping has for it; empty if it has none.
    pub(crate) fn column(self, mapping: &SpanTable) -> &str {
        match self {
            Self::Trace => &mapping.trace,
            Self::Parent => &mapping.parent,
            Self::Service => &mapping.service,
            Self::Started => &mapping.started,
            Self::Ended => &mapping.completed,
            Self::Duration => &mapping.duration,
            Self::Status => &mapping.status,
            Self::Unit => &mapping.unit,
        }
    }
}

/// A number, or a number as text, as `numeric` columns may be written.
fn milliseconds(value: &Json) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// The columns of a row that hold something, without those that identify, time or rate the span.
/// The unit, the error's type and the links stay among them, because viewers search by attributes.
fn attributes(mapping: &SpanTable, row: &Row) -> Map<String, Json> {
    let own = [
        &mapping.trace,
        &mapping.id,
        &mapping.parent,
        &mapping.service,
        &mapping.operation,
        &mapping.started,
        &mapping.completed,
        &mapping.duration,
        &mapping.status,
        &mapping.error,
    ];
    let others = row.iter().filter(|(name, value)| !value.is_null() && !own.contains(name));
    others.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn span(change: &Json) -> Span {
        let mut row = json!({"trace_id": "t", "span_id": "s", "operation": "ask",
            "started_at": "2025-10-22T12:00:00+00:00", "completed_at": "2025-10-22T12:00:01+00:00",
            "duration_ms": 1000, "status": "completed"});
        row.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        Span::from_row(&SpanTable::default(), row.as_object().unwrap())
    }

    #[rstest]
    #[case::ended(json!({}), None, StatusCode::Ok)]
    #[case::status_unset(json!({"status": null}), None, StatusCode::Unset)]
    #[case::open(json!({"status": "started"}), Some(Field::Status), StatusCode::Unset)]
    #[case::no_end(json!({"completed_at": null}), Some(Field::Ended), StatusCode::Unset)]
    #[case::no_duration(json!({"duration_ms": null}), None, StatusCode::Ok)]
    #[case::failed(json!({"status": "failed"}), None, StatusCode::Error)]
    #[case::otel_unset(json!({"status": "UNSET"}), None, StatusCode::Unset)]
    #[case::otel_ok(json!({"status": "STATUS_CODE_OK"}), None, StatusCode::Ok)]
    #[case::otel_error(json!({"status": "Error"}), None, StatusCode::Error)]
    #[case::otel_number(json!({"status": 2}), None, StatusCode::Error)]
    #[case::otel_number_unset(json!({"status": 0}), None, StatusCode::Unset)]
    #[case::unset_with_an_error(json!({"status": 0, "error_type": "x"}), None, StatusCode::Error)]
    #[case::no_error(json!({"status": "no_error"}), None, StatusCode::Ok)]
    #[case::read_timeout(json!({"status": "read-timeout"}), None, StatusCode::Error)]
    #[case::empty_error(json!({"error_message": "", "error_type": ""}), None, StatusCode::Ok)]
    #[case::error_type(json!({"error_type": "timeout"}), None, StatusCode::Error)]
    #[case::failed_and_open(
        json!({"status": "started", "error_message": "x"}), Some(Field::Status), StatusCode::Error
    )]
    fn an_end_and_a_status_are_read_by_one_rule(
        #[case] change: Json,
        #[case] missing_end: Option<Field>,
        #[case] status: StatusCode,
    ) {
        let span = span(&change);
        assert_eq!((span.missing_end, span.status.code), (missing_end, status));
        assert_eq!(span.took_ms().is_some(), missing_end.is_none());
        let complete = missing_end.is_none() && change.get("duration_ms").is_none();
        assert_eq!(span.is_complete(), complete);
    }

    #[test]
    fn a_table_without_durations_has_spans_that_end() {
        let switched_off = SpanTable { duration: String::new(), ..SpanTable::default() };
        // By the defaults there is such a column, which this table has not got.
        for mapping in [switched_off, SpanTable::default()] {
            let row = json!({"started_at": "2025-10-22T12:00:00+00:00",
                "completed_at": "2025-10-22T12:00:00.25+00:00", "status": "completed"});
            let span = Span::from_row(&mapping, row.as_object().unwrap());
            assert_eq!((span.has_ended(), span.took_ms()), (true, Some(250.0)));
        }
    }

    #[test]
    fn a_duration_is_shown_as_it_was_recorded() {
        for text in ["00:00:01", "30ms", "9007199254740993"] {
            let span = span(&json!({"duration_ms": text}));
            assert_eq!(span.recorded(Field::Duration).as_deref(), Some(text));
        }
        let span = span(&json!({"duration_ms": 9_007_199_254_740_993_u64}));
        assert_eq!(span.recorded(Field::Duration).as_deref(), Some("9007199254740993"));
    }

    #[test]
    fn a_table_without_ends_has_spans_that_end_when_they_are_not_open() {
        let mapping = SpanTable { completed: String::new(), ..SpanTable::default() };
        let read = |status: &str| {
            let row = json!({"started_at": "2025-10-22T12:00:00+00:00", "status": status,
                "duration_ms": 5});
            Span::from_row(&mapping, row.as_object().unwrap())
        };
        assert_eq!((read("completed").missing_end, read("completed").took_ms()), (None, Some(5.0)));
        assert_eq!(read("started").missing_end, Some(Field::Status));
    }

    #[rstest]
    #[case::fraction(json!({"completed_at": "2025-10-22T12:00:00.5+00:00"}), false)]
    #[case::other_zone(json!({"completed_at": "2025-10-22T13:00:00.5+02:00"}), true)]
    #[case::backwards(json!({"completed_at": "2025-10-22T11:59:59+00:00"}), true)]
    #[case::negative(json!({"duration_ms": -1}), true)]
    #[case::negative_text(json!({"duration_ms": "-1.5"}), true)]
    #[case::negative_zero(json!({"duration_ms": "-0"}), false)]
    #[case::negative_interval(json!({"duration_ms": "-00:00:01"}), true)]
    #[case::interval(json!({"duration_ms": "00:00:01"}), false)]
    #[case::backwards_in_numbers(
        json!({"started_at": 1_761_134_400_500_u64, "completed_at": 1_761_134_400_000_u64}), true
    )]
    #[case::numbers(json!({"started_at": 1_761_134_400, "completed_at": "1761134401.5"}), false)]
    #[case::endless(json!({"completed_at": "infinity"}), false)]
    fn times_are_compared_as_times(#[case] change: Json, #[case] impossible: bool) {
        assert_eq!(span(&change).is_impossible(), impossible);
    }
}
