//! A span in OpenTelemetry's terms, read from a row. No other module interprets span rows.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json};

use super::table::text;
use super::{Row, Rows, Time};
use crate::spec::SpanTable;

/// Eight bytes of zeros in Base64, in which the JSON form of Protocol Buffers has ids.
const ZERO_SPAN_ID_IN_BASE64: &str = "AAAAAAAAAAA=";

/// A source of spans. Today the only one is a database table.
pub(crate) trait SpanSource {
    /// Returns the name of the source, such as the table's name.
    fn source_name(&self) -> &str;

    /// Returns every recorded span.
    ///
    /// # Errors
    /// If the spans can't be read; the error is the reason.
    fn spans(&self) -> Result<Vec<Span>, &str>;
}

/// The rows of the span table as a source of spans.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpanRows<'a> {
    /// The names of the table's columns.
    pub mapping: &'a SpanTable,
    /// The table's rows.
    pub rows: &'a Rows,
}

impl SpanSource for SpanRows<'_> {
    fn source_name(&self) -> &str {
        &self.mapping.table
    }

    fn spans(&self) -> Result<Vec<Span>, &str> {
        match self.rows {
            Rows::Found(rows) => Ok(Span::from_rows(self.mapping, rows)),
            Rows::Unreadable(why) => Err(why),
        }
    }
}

/// A recorded span. A field is `None` if it was not recorded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Span {
    /// Trace id.
    pub trace: Option<String>,
    /// Span id.
    pub id: Option<String>,
    /// Parent span id; `None` for a root span.
    pub parent: Option<String>,
    /// `service.name`
    pub service: Option<String>,
    /// Span name.
    pub name: Option<String>,
    /// Start time.
    pub started: Option<Time>,
    /// End time.
    pub ended: Option<Time>,
    /// Duration in milliseconds as measured by the service.
    pub duration_ms: Option<f64>,
    /// Span status.
    pub status: Status,
    /// Error message.
    pub error: Option<String>,
    /// `error.type`
    pub error_type: Option<String>,
    /// The id of the unit (the part of a job) that the span belongs to.
    pub unit: Option<String>,
    /// Whether the span is known to belong to no unit: by its own rule, or because an ancestor belongs to none.
    pub outside_units: bool,
    /// Attributes that must equal columns of the unit's row, by attribute name.
    pub unit_attributes: BTreeMap<String, Option<String>>,
    /// Recorded attributes, including those of the unit; empty if only a verdict needs the span.
    pub attributes: Map<String, Json>,
    /// The recorded text of the duration.
    duration: Option<String>,
    /// Whether the table has a duration column that is null.
    lacks_duration: bool,
    /// The field that shows that the span has not ended; `None` if the span has ended.
    not_ended_by: Option<Field>,
}

/// A recorded span status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    /// OpenTelemetry's status code.
    pub code: StatusCode,
    /// The recorded text.
    pub text: Option<String>,
}

/// OpenTelemetry's status code of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatusCode {
    /// No status was set, or the span has not ended.
    Unset,
    /// The operation succeeded.
    Ok,
    /// The operation failed.
    Error,
}

/// A field of a span that the spec maps to a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// Trace id.
    Trace,
    /// Parent span id.
    Parent,
    /// `service.name`
    Service,
    /// Start time.
    Started,
    /// End time.
    Ended,
    /// Duration.
    Duration,
    /// Status.
    Status,
    /// Unit id.
    Unit,
}

impl Span {
    /// Reads rows with the mapping of a spec.
    pub(crate) fn from_rows(mapping: &SpanTable, rows: &[Row]) -> Vec<Self> {
        let mut spans: Vec<_> = rows.iter().map(|row| Self::from_row(mapping, row)).collect();
        // Short ids may be numbers that count from 0. If no span has the id `0`, then the parent `0` means that
        // there is no parent.
        let is_short_zero =
            |id: &String| !id.is_empty() && id.bytes().all(|byte| byte == b'0') && !is_zero_id(id);
        if !spans.iter().filter_map(|span| span.id.as_ref()).any(is_short_zero) {
            for span in &mut spans {
                span.parent.take_if(|id| is_short_zero(id));
            }
        }
        spans
    }

    /// Reads a row with the mapping of a spec.
    pub(crate) fn from_row(mapping: &SpanTable, row: &Row) -> Self {
        let value = |column: &str| text(row, column);
        let at = |column: &str| value(column).map(Time::new);
        // Without an error, a `NOT NULL` column contains an empty string.
        let not_empty = |column: &str| value(column).filter(|text| !text.is_empty());
        let (error, error_type) = (not_empty(&mapping.error), not_empty(&mapping.error_type));
        let (ended, status) = (at(&mapping.completed), value(&mapping.status));
        let duration = row.get(&mapping.duration);
        let is_not_ended = status.as_ref().is_some_and(|status| mapping.not_ended.contains(status));
        let not_ended_by = match (is_not_ended, &ended) {
            (true, _) => Some(Field::Status),
            // Without a column for the end, only the status decides.
            (false, None) if !mapping.completed.is_empty() => Some(Field::Ended),
            (false, _) => None,
        };
        let code = match status.as_deref().and_then(|text| StatusCode::new(text, &mapping.ok)) {
            Some(StatusCode::Unset) | None if error.is_some() || error_type.is_some() => {
                StatusCode::Error
            }
            _ if is_not_ended => StatusCode::Unset,
            Some(code) => code,
            None if status.is_some() && not_ended_by.is_none() => StatusCode::Ok,
            None => StatusCode::Unset,
        };
        let unit_attributes = mapping.attributes.keys().map(|name| (name.clone(), value(name)));
        Self {
            trace: value(&mapping.trace).map(without_bytea_prefix),
            id: value(&mapping.id).map(without_bytea_prefix),
            parent: value(&mapping.parent).map(without_bytea_prefix).filter(|id| names_span(id)),
            service: value(&mapping.service),
            name: value(&mapping.name),
            started: at(&mapping.started),
            ended,
            duration_ms: duration.and_then(milliseconds),
            status: Status { code, text: status },
            error,
            error_type,
            outside_units: false,
            unit: super::table::id(row, &mapping.unit),
            unit_attributes: unit_attributes.collect(),
            attributes: Map::new(),
            duration: value(&mapping.duration),
            lacks_duration: duration == Some(&Json::Null),
            not_ended_by,
        }
    }

    /// Reads rows with all their attributes, for people and trace viewers.
    pub(crate) fn with_attributes(mapping: &SpanTable, rows: &[Row]) -> Vec<Self> {
        let with_attributes = |(span, row): (Self, &Row)| {
            let attributes = attributes(mapping, row);
            Self { attributes, ..span }
        };
        Self::from_rows(mapping, rows).into_iter().zip(rows).map(with_attributes).collect()
    }

    /// Whether the span has ended: it has an end time, if the spec names a column for it, and no status from
    /// the spec's list `not-ended`. The status may be missing, because OpenTelemetry sets none by default.
    pub(crate) fn has_ended(&self) -> bool {
        self.not_ended_by.is_none()
    }

    /// Whether the span has ended and has a duration, if the table has a column for it.
    pub(crate) fn is_complete(&self) -> bool {
        self.has_ended() && !self.lacks_duration
    }

    /// Returns the end time; `None` until the span ends, and if none was recorded.
    pub(crate) fn end(&self) -> Option<DateTime<Utc>> {
        self.ended.as_ref().filter(|_| self.has_ended())?.at
    }

    /// Returns the start time; `None` if none was recorded.
    pub(crate) fn start(&self) -> Option<DateTime<Utc>> {
        self.started.as_ref()?.at
    }

    /// Returns the duration in milliseconds: as measured by the service, or else end minus start.
    /// `None` until the span ends.
    pub(crate) fn elapsed_ms(&self) -> Option<f64> {
        let computed = || {
            let micros = (self.end()? - self.start()?).num_microseconds()?;
            #[expect(clippy::cast_precision_loss, reason = "exact for 285 years")]
            Some(micros as f64 / 1000.0)
        };
        if self.has_ended() { self.duration_ms.or_else(computed) } else { None }
    }

    /// Whether the span ends before it starts, or has a negative duration.
    pub(crate) fn has_negative_duration(&self) -> bool {
        let ends_before_start = self
            .started
            .as_ref()
            .zip(self.ended.as_ref())
            .is_some_and(|(start, end)| end.is_before(start));
        let is_negative = |text: &str| match text.parse::<f64>() {
            Ok(number) => number < 0.0,
            // An interval, such as `-00:00:01`.
            Err(_) => text.starts_with('-'),
        };
        ends_before_start || self.duration.as_deref().is_some_and(is_negative)
    }

    /// Whether the status code is an error.
    pub(crate) fn failed(&self) -> bool {
        self.status.code == StatusCode::Error
    }

    /// Returns `error.type` and the error message, joined by a colon; `None` without an error.
    pub(crate) fn error_text(&self) -> Option<String> {
        match (&self.error_type, &self.error) {
            (Some(kind), Some(text)) => Some(format!("{kind}: {text}")),
            (kind, text) => kind.clone().or_else(|| text.clone()),
        }
    }

    /// Returns the recorded text of a field; `None` if it was not recorded.
    pub(crate) fn field_text(&self, field: Field) -> Option<String> {
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

impl StatusCode {
    /// Interprets a recorded status. `ok` is the spec's list of statuses that mean success. If it is not
    /// empty, any other status is an error, except OpenTelemetry's `UNSET`. `None` if it is empty and the
    /// status has no known word.
    pub(crate) fn new(text: &str, ok: &[String]) -> Option<Self> {
        let known = Self::from_text(text);
        if ok.is_empty() {
            return known;
        }
        let listed = ok.iter().any(|word| word == text);
        Some(match known {
            _ if listed => Self::Ok,
            Some(Self::Unset) => Self::Unset,
            _ => Self::Error,
        })
    }

    /// Parses a recorded status: OpenTelemetry's codes by name or number, or a service's own word
    /// for an error. `None` for any other word.
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
        let is_negated = |at: usize| at > 0 && ["no", "not", "without"].contains(&words[at - 1]);
        let found = words.iter().enumerate().any(|(at, word)| is_error(word) && !is_negated(at));
        found.then_some(Self::Error)
    }
}

impl Field {
    /// Returns the column of this field; empty if the spec maps none.
    pub(crate) fn column(self, mapping: &SpanTable) -> String {
        let column = match self {
            Self::Trace => &mapping.trace,
            Self::Parent => &mapping.parent,
            Self::Service => &mapping.service,
            Self::Started => &mapping.started,
            Self::Ended => &mapping.completed,
            Self::Duration => &mapping.duration,
            Self::Status => &mapping.status,
            Self::Unit => return mapping.unit.to_string(),
        };
        column.clone()
    }
}

/// Whether a parent id names a span. For no parent, exporters write an empty string or zeros, also in Base64.
fn names_span(id: &str) -> bool {
    !id.trim().is_empty() && !is_zero_id(id) && id != ZERO_SPAN_ID_IN_BASE64
}

/// Whether an id consists of zeros, like an invalid id (OpenTelemetry specification, "`SpanContext`"). A
/// short id does not count: it may be a number that counts from 0.
pub(crate) fn is_zero_id(id: &str) -> bool {
    let digits = id.chars().filter(|c| *c != '-');
    digits.clone().count() >= 8 && digits.clone().all(|c| c == '0')
}

/// Returns an id without the `\x` that Postgres puts before the digits of a `bytea`: headers and other
/// columns contain only the digits.
fn without_bytea_prefix(id: String) -> String {
    match id.strip_prefix("\\x") {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => digits.to_owned(),
        _ => id,
    }
}

/// Parses a JSON number, or a string with a number: `numeric` columns may be stored as strings.
fn milliseconds(value: &Json) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// Returns all columns that are not null, except those that OpenTelemetry stores as fields of a span.
/// Trace viewers search by attributes, so the unit's id, `error.type` and the unit's attributes are
/// included.
fn attributes(mapping: &SpanTable, row: &Row) -> Map<String, Json> {
    let field_columns = [
        &mapping.trace,
        &mapping.id,
        &mapping.parent,
        &mapping.service,
        &mapping.name,
        &mapping.started,
        &mapping.completed,
        &mapping.duration,
        &mapping.status,
        &mapping.error,
    ];
    let others =
        row.iter().filter(|(name, value)| !value.is_null() && !field_columns.contains(name));
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
    #[case::not_ended(json!({"status": "started"}), Some(Field::Status), StatusCode::Unset)]
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
    #[case::failed_and_not_ended(
        json!({"status": "started", "error_message": "x"}), Some(Field::Status), StatusCode::Error
    )]
    fn columns_decide_whether_a_span_has_ended_and_its_status_code(
        #[case] change: Json,
        #[case] not_ended_by: Option<Field>,
        #[case] status: StatusCode,
    ) {
        let span = span(&change);
        assert_eq!((span.not_ended_by, span.status.code), (not_ended_by, status));
        assert_eq!(span.elapsed_ms().is_some(), not_ended_by.is_none());
        let complete = not_ended_by.is_none() && change.get("duration_ms").is_none();
        assert_eq!(span.is_complete(), complete);
    }

    #[test]
    fn in_a_table_without_durations_a_duration_is_end_minus_start() {
        let without_duration = SpanTable { duration: String::new(), ..SpanTable::default() };
        // The default mapping names a duration column, which this table does not have.
        for mapping in [without_duration, SpanTable::default()] {
            let row = json!({"started_at": "2025-10-22T12:00:00+00:00",
                "completed_at": "2025-10-22T12:00:00.25+00:00", "status": "completed"});
            let span = Span::from_row(&mapping, row.as_object().unwrap());
            assert_eq!((span.has_ended(), span.elapsed_ms()), (true, Some(250.0)));
        }
    }

    /// Regression test: spans with such ids were reported as not stored, because headers lack the prefix.
    #[test]
    fn bytea_ids_are_read_without_their_prefix() {
        let found = span(&json!({"trace_id": "\\x05348EA1", "parent_span_id": "\\xyz"}));
        assert_eq!(found.trace.as_deref(), Some("05348EA1"));
        assert_eq!(found.parent.as_deref(), Some("\\xyz"));
    }

    /// Regression test: `0` was the id of a parent, and spans without a parent were not one tree.
    #[rstest]
    #[case::number(json!(0), None)]
    #[case::text(json!("0"), None)]
    #[case::base64(json!("AAAAAAAAAAA="), None)]
    #[case::id(json!("7"), Some("7"))]
    fn a_parent_of_zeros_is_no_parent(#[case] parent: Json, #[case] expected: Option<&str>) {
        let row = |id: u64, parent: &Json| {
            let row = json!({"trace_id": "t", "span_id": id, "parent_span_id": parent});
            row.as_object().unwrap().clone()
        };
        let mapping = SpanTable::default();
        let spans = Span::from_rows(&mapping, &[row(7, &parent), row(8, &json!(7))]);
        assert_eq!(spans[0].parent.as_deref(), expected);
        assert_eq!(spans[1].parent.as_deref(), Some("7"));
        let counted = Span::from_rows(&mapping, &[row(0, &Json::Null), row(1, &json!(0))]);
        assert_eq!(counted[1].parent.as_deref(), Some("0"));
    }

    #[test]
    fn a_duration_keeps_its_recorded_text() {
        for text in ["00:00:01", "30ms", "9007199254740993"] {
            let span = span(&json!({"duration_ms": text}));
            assert_eq!(span.field_text(Field::Duration).as_deref(), Some(text));
        }
        let span = span(&json!({"duration_ms": 9_007_199_254_740_993_u64}));
        assert_eq!(span.field_text(Field::Duration).as_deref(), Some("9007199254740993"));
    }

    #[test]
    fn the_status_decides_whether_a_span_ended_in_a_table_without_end_times() {
        let mapping = SpanTable { completed: String::new(), ..SpanTable::default() };
        let read = |status: &str| {
            let row = json!({"started_at": "2025-10-22T12:00:00+00:00", "status": status,
                "duration_ms": 5});
            Span::from_row(&mapping, row.as_object().unwrap())
        };
        assert_eq!(
            (read("completed").not_ended_by, read("completed").elapsed_ms()),
            (None, Some(5.0))
        );
        assert_eq!(read("started").not_ended_by, Some(Field::Status));
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
    #[case::end_in_whole_seconds(json!({"started_at": "2025-10-22T12:00:01.4+00:00"}), false)]
    #[case::start_rounded_up(
        json!({"started_at": "2025-10-22T12:00:02+00:00", "completed_at": "2025-10-22T12:00:01.6+00:00"}), false
    )]
    #[case::infinite_end(json!({"completed_at": "infinity"}), false)]
    fn a_negative_duration_is_detected_in_times_and_numbers(
        #[case] change: Json,
        #[case] negative: bool,
    ) {
        assert_eq!(span(&change).has_negative_duration(), negative);
    }
}
