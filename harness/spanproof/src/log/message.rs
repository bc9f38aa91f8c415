//! The text, time, process and level of a line in JSON, in `key=value` pairs or in CSV. They are found by the
//! keys that loggers and collectors use.

use chrono::DateTime;
use memchr::memmem;
use serde_json::{Map, Value as Json};

use super::date::Time;
use super::level::Level;
use super::literal::object_literal;
use super::process::Process;
use super::time::time_text;

/// Keys of the text, in the order in which they are tried: pino, bunyan, zap, slog (`msg`); winston, zerolog,
/// logback, python-json-logger, tracing-subscriber (`message`); docker (`log`); journald (`MESSAGE`);
/// Google Cloud (`textPayload`); structlog (`event`); loguru (`text`); Serilog (`@m`, `@mt`); Vector and Loki
/// (`line`); Datadog (`content`); OpenTelemetry (`body`, `stringValue`); Azure Container Apps (`Log`); .NET
/// (`Message`); Splunk (`_raw`); Azure Monitor (`LogEntry`, `LogMessage`, `Log_s`); lnav (`log_body`).
const TEXT_KEYS: [&str; 23] = [
    "message",
    "msg",
    "log",
    "MESSAGE",
    "textPayload",
    "event",
    "text",
    "@m",
    "@mt",
    "line",
    "content",
    "body",
    "short_message",
    "@message",
    "Log",
    "Message",
    "_raw",
    "LogEntry",
    "LogMessage",
    "stringValue",
    "string_value",
    "Log_s",
    "log_body",
];
/// Keys of the time, in the order in which they are tried: those of the same tools, Log4j (`instant`), Vercel
/// (`timestampInMs`), syslog-ng (`ISODATE`), Azure (`TimeGenerated`, also with ` [UTC]`), logfmter (`when`).
const TIME_KEYS: [&str; 34] = [
    "time",
    "timestamp",
    "ts",
    "@timestamp",
    "__REALTIME_TIMESTAMP",
    "@t",
    "asctime",
    "date",
    "datetime",
    "timeMillis",
    "eventTime",
    "timestamp_ms",
    "receiveTimestamp",
    "dt",
    "TimeStamp",
    "Timestamp",
    "_time",
    "timeUnixNano",
    "observedTimeUnixNano",
    "time_unix_nano",
    "log_time",
    "instant",
    "timestampInMs",
    "eventTimestamp",
    "epochMillis",
    "ISODATE",
    "isodate",
    "TimeGenerated",
    "TimeGenerated [UTC]",
    "timestamp [UTC]",
    "when",
    "at",
    "t",
    "DATE",
];
/// The suffix of a key whose time is in UTC.
const UTC_KEY: &str = " [UTC]";
/// Keys of the text in pairs.
const PAIR_TEXT_KEYS: [&str; 3] = ["msg", "message", "event"];
/// Keys of an object that contains the text.
const NESTED_KEYS: [&str; 10] = [
    "fields",
    "jsonPayload",
    "record",
    "attributes",
    "content",
    "message",
    "values",
    "_source",
    "result",
    "body",
];

/// The name, in reports, of the format of an object as Python or Node.js prints it.
pub(super) const LITERAL: &str = "a printed object";
/// The names of JSON formats. The last one is that of an unknown logger.
pub(super) const LOGGERS: [&str; 15] = [
    "flyctl JSON",
    "journald JSON",
    "docker JSON",
    "Google Cloud JSON",
    "Serilog JSON",
    "bunyan JSON",
    "pino JSON",
    "tracing-subscriber JSON",
    "loguru JSON",
    "logback JSON",
    "zap JSON",
    "structlog JSON",
    "slog JSON",
    "winston JSON",
    "JSON",
];
/// For each of [`LOGGERS`], in the same order, the keys by which its JSON objects are recognised. The first
/// match is used, so formats with more special keys come first.
const LOGGER_KEYS: [&[&str]; 15] = [
    &["fly", "message"],
    &["__REALTIME_TIMESTAMP"],
    &["log", "stream"],
    &["insertId"],
    &["@t"],
    &["v", "pid", "hostname", "level"],
    &["pid", "hostname", "level"],
    &["fields", "target", "level"],
    &["record", "text"],
    &["@timestamp", "logger_name"],
    &["ts", "level", "msg"],
    &["event", "level"],
    &["time", "level", "msg"],
    &["timestamp", "level", "message"],
    &[],
];

/// A parsed line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// The name of the format.
    pub(super) logger: &'static str,
    pub(super) text: String,
    /// When the line was written; `None` if no key or column is a time with a date.
    pub(super) at: Option<Time>,
    /// The process that the keys name; `None` if they name none.
    pub(super) process: Option<Process>,
    /// The level in the keys; `None` if they have none.
    pub(super) level: Option<Level>,
}

impl Message {
    /// Parses a JSON object, or an object as Python or Node.js prints it; `None` if the line is neither, or
    /// has no key of a text.
    pub(super) fn from_json(json: &str) -> Option<Self> {
        let fields = match serde_json::from_str::<Json>(json) {
            Ok(Json::Object(fields)) => fields,
            Ok(_) => return None,
            Err(_) => return Self::from_literal(json),
        };
        let has_all = |keys: &&[&str]| keys.iter().all(|key| fields.contains_key(*key));
        let mut loggers = LOGGERS.iter().zip(LOGGER_KEYS);
        let logger = loggers.find(|(_, keys)| has_all(keys)).map_or("JSON", |(name, _)| *name);
        let (process, level) = (Process::from_fields(&fields), Level::in_fields(logger, &fields));
        let found = Self::from_object(&fields)?;
        Some(Self { logger, process, level: found.level.or(level), ..found })
    }

    /// Parses an object as Python (`{'msg': 'text'}`) or Node.js (`{ msg: 'text' }`) prints it.
    fn from_literal(text: &str) -> Option<Self> {
        let fields = object_literal(text)?;
        let (process, level) = (Process::from_fields(&fields), Level::in_fields(LITERAL, &fields));
        Some(Self { logger: LITERAL, process, level, ..Self::from_object(&fields)? })
    }

    fn from_object(fields: &Map<String, Json>) -> Option<Self> {
        let at = TIME_KEYS.iter().find_map(|key| {
            let time = time(fields.get(*key)?)?;
            Some(Time { has_zone: time.has_zone || key.ends_with(UTC_KEY), ..time })
        });
        let own = TEXT_KEYS.iter().find_map(|key| message(fields.get(*key)?));
        if let Some(text) = own {
            return Some(Self { logger: "JSON", text, at, process: None, level: None });
        }
        let nested = NESTED_KEYS.iter().filter_map(|key| fields.get(*key)?.as_object());
        let inner = { nested }.find_map(|inner| {
            Some(Self { level: Level::in_fields("JSON", inner), ..Self::from_object(inner)? })
        })?;
        Some(Self { at: inner.at.or(at), ..inner })
    }

    /// Parses a line of a CSV or TSV file, one of whose columns is a time. The longest column that is not a
    /// time is the text. `None` if no column is a time.
    pub(super) fn from_csv(line: &str) -> Option<Self> {
        // A quick check, because most lines are not CSV. A time has at least 10 digits.
        let digits = line.bytes().filter(u8::is_ascii_digit).take(10).count();
        let tabs = line.bytes().filter(|byte| *byte == b'\t').count();
        let (logger, separator) = if tabs > 2 { ("TSV", '\t') } else { ("CSV", ',') };
        if digits < 10 || !line.contains(separator) || line.starts_with('[') {
            return None;
        }
        let mut columns = csv_columns(line, separator);
        // After the first column, only a number with a colon can be a time: a text may contain any number
        // between commas.
        let is_time = |(index, column): &(usize, &String)| {
            *index == 0 || column.starts_with(|c: char| c.is_ascii_digit()) && column.contains(':')
        };
        let times = columns.iter().enumerate().filter(is_time);
        let mut times = times.filter_map(|(index, column)| Some((index, time_text(column)?)));
        let (index, at) = times.next()?;
        if columns.get(index + 1).is_some_and(|next| is_fraction(next)) {
            return None;
        }
        columns.remove(index);
        columns.retain(|column| time_text(column).is_none());
        let text = columns.into_iter().max_by_key(String::len)?;
        Some(Self { logger, text, at: Some(at), process: None, level: None })
    }

    /// Parses `time=… level=info msg="text"`, as logrus and slog write it; `None` if the line has no such
    /// pairs.
    pub(super) fn from_pairs(line: &str) -> Option<Self> {
        // A quick check, because most lines have no pairs. Plain text may begin with a pair, too, so one of
        // the keys must be that of a text.
        let first = line.split_once('=')?.0;
        let is_key =
            |key: &str| key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-@".contains(&b));
        let has_key = |key: &&str| {
            let place = memmem::find(line.as_bytes(), format!("{key}=").as_bytes());
            place.is_some_and(|at| at == 0 || line.as_bytes()[at - 1] == b' ')
        };
        if !is_key(first) || !PAIR_TEXT_KEYS.iter().any(has_key) {
            return None;
        }
        let (mut rest, mut text, mut at) = (line, None, None);
        let mut others = Map::new();
        while let Some((key, after)) = rest.trim_start().split_once('=') {
            let (value, after) = pair_value(after)?;
            if !is_key(key) {
                return None;
            }
            if PAIR_TEXT_KEYS.contains(&key) {
                text = Some(value);
            } else if let Some(time) = time_text(&value).filter(|_| TIME_KEYS.contains(&key)) {
                at = Some(time);
            } else {
                others.insert(key.to_owned(), Json::String(value));
            }
            rest = after;
        }
        let (process, level) = (Process::from_fields(&others), Level::in_fields("logfmt", &others));
        Some(Self { logger: "logfmt", text: text?, at, process, level })
    }
}

/// Whether a column begins with the fraction of the time before it: in `22 Oct 2025 12:00:01,020 INFO text`, the
/// comma separates no columns.
fn is_fraction(column: &str) -> bool {
    let rest = column.trim_start_matches(|c: char| c.is_ascii_digit());
    column.len() - rest.len() >= 3 && rest.starts_with([' ', ':'])
}

/// Returns all strings in a JSON object, or the values of logfmt pairs; empty for any other text.
pub(crate) fn field_texts(line: &str) -> Vec<String> {
    let line = line.trim_start();
    if line.starts_with('{') {
        let object = serde_json::from_str(line).ok();
        let object = object.or_else(|| object_literal(line).map(Json::Object));
        return object.as_ref().map(texts_of).unwrap_or_default();
    }
    let (mut rest, mut values) = (line, Vec::new());
    while let Some((value, after)) =
        rest.trim_start().split_once('=').and_then(|(_, after)| pair_value(after))
    {
        values.push(value);
        rest = after;
    }
    values
}

/// Returns the strings in a JSON value.
fn texts_of(value: &Json) -> Vec<String> {
    match value {
        Json::String(text) => vec![text.clone()],
        Json::Array(values) => values.iter().flat_map(texts_of).collect(),
        Json::Object(fields) => fields.values().flat_map(texts_of).collect(),
        _ => Vec::new(),
    }
}

/// Splits a line of a CSV file into its columns, without their quotes.
fn csv_columns(line: &str, separator: char) -> Vec<String> {
    let mut columns = vec![String::new()];
    let (mut is_quoted, mut chars) = (false, line.chars().peekable());
    while let (Some(c), Some(column)) = (chars.next(), columns.last_mut()) {
        match c {
            '"' if is_quoted && chars.next_if_eq(&'"').is_some() => column.push('"'),
            '"' => is_quoted = !is_quoted,
            c if c == separator && !is_quoted => columns.push(String::new()),
            c => column.push(c),
        }
    }
    columns
}

/// Parses the value of a pair at the start of a text. Returns the value and the rest of the text.
fn pair_value(text: &str) -> Option<(String, &str)> {
    // Python writes a string in single quotes unless it contains a single quote.
    if let Some(rest) = text.strip_prefix('\'') {
        let (value, rest) = rest.split_once('\'')?;
        return Some((value.to_owned(), rest));
    }
    if !text.starts_with('"') {
        let (value, rest) = text.split_once(' ').unwrap_or((text, ""));
        return Some((value.to_owned(), rest));
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let value = values.next()?.ok()?;
    Some((value, text.get(values.byte_offset()..)?))
}

/// Returns the text of a message. In journald's JSON, a message that contains escape sequences or is not
/// UTF-8 is a list of bytes.
fn message(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        // In Kibana's `fields`, each value is in a list.
        Json::Array(list) if list.len() == 1 && list[0].is_string() => message(&list[0]),
        Json::Array(bytes) => {
            let bytes = bytes.iter().map(|byte| u8::try_from(byte.as_u64()?).ok());
            let bytes = bytes.collect::<Option<Vec<_>>>()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        }
        _ => None,
    }
}

/// Parses a time in JSON: a string, a Unix time in seconds, milli-, micro- or nanoseconds, or Log4j's object
/// with seconds and nanoseconds.
fn time(value: &Json) -> Option<Time> {
    match value {
        Json::Object(parts) => {
            let number = |key: &str| parts.get(key).map_or(Some(0), Json::as_i64);
            let seconds = parts.get("epochSecond")?.as_i64()?;
            let nanos = u32::try_from(number("nanoOfSecond")?).ok()?;
            Some(Time::whole(DateTime::from_timestamp(seconds, nanos)?, true))
        }
        Json::String(text) => time_text(text),
        Json::Array(list) if list.len() == 1 => time(&list[0]),
        Json::Number(number) => time_text(&number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_and_the_time_are_found_in_objects_and_pairs() {
        let at = time_text("2025-10-22T12:00:01Z");
        for (line, at) in [
            (r#"{"jsonPayload":{"message":"x"},"timestamp":"2025-10-22T12:00:01Z"}"#, at),
            (r#"{"@t":"2025-10-22T12:00:01Z","@m":"x"}"#, at),
            (r#"{"ts":1761134401000,"fields":{"message":"x"}}"#, at),
            (r#"{"attributes":{"a":1},"body":"x"}"#, None),
        ] {
            let found = Message::from_json(line).map(|found| (found.text, found.at));
            assert_eq!(found, Some(("x".to_owned(), at)), "{line}");
        }
        for (line, at) in [
            ("time=2025-10-22T12:00:01Z level=info msg=\"x\" job=1", at),
            ("time=\"2025-10-22T12:00:01Z\" level=info msg=x", at),
            ("level=info msg=x", None),
        ] {
            let found = Message::from_pairs(line).map(|found| (found.logger, found.text, found.at));
            assert_eq!(found, Some(("logfmt", "x".into(), at)), "{line}");
        }
        for line in ["a=b", "level=info", "time is = 5", "{\"a\":1}"] {
            let found = (Message::from_json(line), Message::from_pairs(line));
            assert_eq!(found, (None, None), "{line}");
        }
    }
}
