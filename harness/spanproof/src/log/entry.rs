//! One log line, without what log collectors added to it.

use std::borrow::Cow;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use regex::Regex;
use serde_json::Value as Json;

use crate::timestamp::Fields;

/// Maximum number of wrappers to remove from a line, such as a prefix or a JSON object.
const MAX_WRAPPERS: usize = 5;

/// A line as written by the service, and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// When the line was written; `None` if the line has no time with a date.
    pub at: Option<DateTime<Utc>>,
    /// The text that the service wrote.
    pub text: String,
}

/// Matches `2025-10-22T12:34:56.789Z`, also with a space instead of the `T`, a comma instead of the
/// point, another zone or no zone.
static TIME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^\[?(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d+))?\s?(Z|UTC|[+-]\d\d:?(?:\d\d)?)?\]?(?:\s+|$)",
    )
    .ok()
});

/// Prefixes that collectors put before the text, at the start of the line or after the time.
static PREFIXES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // flyctl: `app[148e2] iad [info]`.
        r"^[a-z][\w-]*\[[0-9a-f]+\]\s+[a-z]{3}\s+\[\w+\]\s?",
        // syslog and journald: `Oct 22 12:34:56 host runner[123]: `, `host runner[123]: `.
        r"^(?:[A-Z][a-z]{2}\s+\d{1,2}\s+\d\d:\d\d:\d\d(?:\.\d+)?\s+)?[\w.-]+\s+[\w./@-]+\[\d+\]:\s?",
        // docker compose: `runner-1  | `.
        r"^[\w.-]+\s+\| ?",
        // kubectl --prefix: `[pod/runner-7f/runner] `.
        r"^\[pod/[^\]]+\]\s?",
        // A log file of a container runtime: `stderr F `.
        r"^(?:stdout|stderr) [FP] ",
    ]
    .iter()
    .filter_map(|prefix| Regex::new(prefix).ok())
    .collect()
});

/// Matches terminal escape sequences, such as colours.
static ESCAPE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new("\u{1b}\\[[0-9;?]*[A-Za-z]").ok());

/// Parses a line: removes what log collectors added, and keeps the time that they or the service
/// wrote.
pub(crate) fn parse_line(line: &str) -> Entry {
    let plain = match ESCAPE.as_ref() {
        Some(escape) if line.contains('\u{1b}') => escape.replace_all(line, ""),
        _ => Cow::Borrowed(line),
    };
    let mut entry = Entry { at: None, text: plain.trim_end_matches(['\r', '\n']).to_owned() };
    for _ in 0..MAX_WRAPPERS {
        if !entry.unwrap_once() {
            break;
        }
    }
    entry
}

impl Entry {
    /// Removes one wrapper. Returns whether the line had a wrapper.
    fn unwrap_once(&mut self) -> bool {
        if let Some((at, rest)) = split_time(&self.text) {
            // Only the innermost time is from the service. Other times are from collectors.
            self.at = Some(at);
            self.text = rest;
            return true;
        }
        if self.text.starts_with('{') {
            return self.unwrap_json();
        }
        let prefix = PREFIXES.iter().find_map(|prefix| prefix.find(&self.text));
        let Some(end) = prefix.map(|found| found.end()) else { return false };
        self.text.drain(..end);
        true
    }

    fn unwrap_json(&mut self) -> bool {
        let Ok(Json::Object(fields)) = serde_json::from_str::<Json>(&self.text) else {
            return false;
        };
        let nested = fields.get("fields").and_then(Json::as_object);
        let find = |names: &[&str]| {
            let own = names.iter().find_map(|name| fields.get(*name));
            own.or_else(|| names.iter().find_map(|name| nested?.get(*name)))
        };
        let text = find(&["message", "msg", "log", "MESSAGE", "text", "body"]).and_then(message);
        let Some(text) = text else { return false };
        let at = find(&["time", "timestamp", "ts", "@timestamp", "__REALTIME_TIMESTAMP"]);
        if let Some(at) = at.and_then(time) {
            self.at = Some(at);
        }
        text.trim_end_matches(['\r', '\n']).clone_into(&mut self.text);
        true
    }
}

/// Returns the text of a message. In journald's JSON, a message that is not UTF-8 is a list of
/// bytes.
fn message(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Array(bytes) => {
            let bytes = bytes.iter().map(|byte| u8::try_from(byte.as_u64()?).ok());
            let bytes = bytes.collect::<Option<Vec<_>>>()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        }
        _ => None,
    }
}

/// Parses a time in JSON: a string, or a number of seconds, milli-, micro- or nanoseconds since
/// 1970.
fn time(value: &Json) -> Option<DateTime<Utc>> {
    match value {
        Json::String(text) => match text.parse::<i64>() {
            Ok(number) => unix_time(number),
            Err(_) => split_time(text).map(|(at, _)| at),
        },
        Json::Number(number) => match number.as_i64() {
            Some(number) => unix_time(number),
            #[expect(clippy::cast_possible_truncation, reason = "microseconds are exact enough")]
            None => DateTime::from_timestamp_micros((number.as_f64()? * 1e6) as i64),
        },
        _ => None,
    }
}

/// Converts a number of seconds, milli-, micro- or nanoseconds since 1970 to a time. The number of
/// digits decides the unit: until the year 5138, seconds have fewer than twelve digits.
fn unix_time(number: i64) -> Option<DateTime<Utc>> {
    match number.unsigned_abs() {
        ..100_000_000_000 => DateTime::from_timestamp(number, 0),
        100_000_000_000..100_000_000_000_000 => DateTime::from_timestamp_millis(number),
        100_000_000_000_000..100_000_000_000_000_000 => DateTime::from_timestamp_micros(number),
        _ => Some(DateTime::from_timestamp_nanos(number)),
    }
}

/// Splits a text into the time at its start and the rest; `None` if it does not start with a time.
/// A time without a zone is in UTC.
fn split_time(text: &str) -> Option<(DateTime<Utc>, String)> {
    // A quick check, so that the slow regular expression runs only on lines that may have a time.
    if !text.trim_start_matches('[').starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let found = TIME.as_ref()?.captures(text)?;
    let rest = text.get(found.get(0)?.end()..)?.to_owned();
    let part = |at: usize| found.get(at).map(|part| part.as_str());
    let zone = part(4).filter(|zone| *zone != "UTC").map(|zone| zone.trim_end_matches(':'));
    let fields = Fields { date: part(1)?, clock: part(2)?, fraction: part(3), zone };
    Some((fields.time()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=true )";

    #[test]
    fn the_text_is_the_same_from_every_collector() {
        let json = serde_json::to_string(TEXT).unwrap();
        let bytes: Vec<u8> = TEXT.bytes().collect();
        for (line, time) in [
            (TEXT.to_owned(), None),
            (format!("\u{1b}[33m{TEXT}\u{1b}[0m\r"), None),
            (format!("2025-10-22T12:00:01Z app[148e2] iad [info] {TEXT}"), Some("12:00:01")),
            (format!("2025-10-22T12:00:01Z app[148e2] iad [info]{TEXT}"), Some("12:00:01")),
            (format!("2025-10-22T14:00:01.5+02:00 {TEXT}"), Some("12:00:01.500")),
            (format!("2025-10-22 12:00:01,250 {TEXT}"), Some("12:00:01.250")),
            (format!("[2025-10-22T12:00:01Z] {TEXT}"), Some("12:00:01")),
            (format!("runner-1  | {TEXT}"), None),
            (format!("runner-1  | 2025-10-22T12:00:01.000000000Z {TEXT}"), Some("12:00:01")),
            (format!("2025-10-22T12:00:01.5Z stderr F {TEXT}"), Some("12:00:01.500")),
            (format!("[pod/runner-7f/runner] {TEXT}"), None),
            (format!("Oct 22 12:00:01 host runner[12]: {TEXT}"), None),
            (format!("2025-10-22T12:00:01+0000 host runner[12]: {TEXT}"), Some("12:00:01")),
            (format!(r#"{{"time":"2025-10-22T12:00:01Z","msg":{json}}}"#), Some("12:00:01")),
            (format!(r#"{{"log":{json},"stream":"stderr","ts":1761134401}}"#), Some("12:00:01")),
            (
                format!(r#"{{"ts":1761134401.5,"fields":{{"message":{json}}}}}"#),
                Some("12:00:01.500"),
            ),
            (
                format!(r#"{{"__REALTIME_TIMESTAMP":"1761134401000000","MESSAGE":{bytes:?}}}"#),
                Some("12:00:01"),
            ),
            (
                format!(
                    r#"2025-10-22T13:00:00Z app[1a] iad [info] {{"time":"2025-10-22T12:00:01Z","message":{json}}}"#
                ),
                Some("12:00:01"),
            ),
        ] {
            let found = parse_line(&line);
            assert_eq!(found.text, TEXT, "{line}");
            let at = found.at.map(|at| at.to_rfc3339());
            let expected = time.map(|time| format!("2025-10-22T{time}+00:00"));
            assert_eq!(at, expected, "{line}");
        }
    }

    #[test]
    fn text_without_a_wrapper_is_unchanged() {
        for line in ["", "plain words", "{not json", r#"{"other":"field"}"#, "| pipe", "a [b] c: d"]
        {
            assert_eq!(parse_line(line), Entry { at: None, text: line.into() });
        }
    }
}
