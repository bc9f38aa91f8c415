//! One line, without what its collectors put around it.

use std::borrow::Cow;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use regex::Regex;
use serde_json::Value as Json;

use crate::timestamp::Fields;

/// A line wrapped more often than this is taken as it stands.
const LAYERS: usize = 5;

/// What a service wrote, and when it was collected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// When, where the line says so with its date.
    pub at: Option<DateTime<Utc>>,
    /// The service's own words.
    pub text: String,
}

/// `2025-10-22T12:34:56.789Z`, with a blank for the `T`, a comma for the point, any zone or none.
static TIME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^\[?(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d+))?\s?(Z|UTC|[+-]\d\d:?(?:\d\d)?)?\]?(?:\s+|$)",
    )
    .ok()
});

/// What stands between a time, or the begin of the line, and the service's words.
static AROUND: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // flyctl: `app[148e2] iad [info]`, with or without its process.
        r"^[a-z][\w-]*\[[0-9a-f]+\]\s+[a-z]{3}\s+\[\w+\]\s?",
        // syslog and journald: `Oct 22 12:34:56 host runner[123]: `, `host runner[123]: `.
        r"^(?:[A-Z][a-z]{2}\s+\d{1,2}\s+\d\d:\d\d:\d\d(?:\.\d+)?\s+)?[\w.-]+\s+[\w./@-]+\[\d+\]:\s?",
        // docker compose: `runner-1  | `.
        r"^[\w.-]+\s+\| ?",
        // kubectl --prefix: `[pod/runner-7f/runner] `.
        r"^\[pod/[^\]]+\]\s?",
        // A container runtime's own file: `stderr F `.
        r"^(?:stdout|stderr) [FP] ",
    ]
    .iter()
    .filter_map(|shape| Regex::new(shape).ok())
    .collect()
});

/// Colours and the like.
static CONTROL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new("\u{1b}\\[[0-9;?]*[A-Za-z]").ok());

/// Takes a line out of what its collectors put around it.
pub(crate) fn entry(line: &str) -> Entry {
    let plain = match CONTROL.as_ref() {
        Some(control) if line.contains('\u{1b}') => control.replace_all(line, ""),
        _ => Cow::Borrowed(line),
    };
    let mut entry = Entry { at: None, text: plain.trim_end_matches(['\r', '\n']).to_owned() };
    for _ in 0..LAYERS {
        if !entry.unwrap_once() {
            break;
        }
    }
    entry
}

impl Entry {
    /// Takes one layer off; says whether there was one.
    fn unwrap_once(&mut self) -> bool {
        if let Some((at, rest)) = timed(&self.text) {
            // The outermost collector saw it last: the innermost time is the service's own.
            self.at = Some(at);
            self.text = rest;
            return true;
        }
        if self.text.starts_with('{') {
            return self.unwrap_json();
        }
        let around = AROUND.iter().find_map(|shape| shape.find(&self.text));
        let Some(end) = around.map(|found| found.end()) else { return false };
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
        let text = find(&["message", "msg", "log", "MESSAGE", "text", "body"]).and_then(words);
        let Some(text) = text else { return false };
        let at = find(&["time", "timestamp", "ts", "@timestamp", "__REALTIME_TIMESTAMP"]);
        if let Some(at) = at.and_then(instant) {
            self.at = Some(at);
        }
        text.trim_end_matches(['\r', '\n']).clone_into(&mut self.text);
        true
    }
}

/// A message; journald gives one with bytes of its own as a list of them.
fn words(value: &Json) -> Option<String> {
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

/// A time in JSON: a text, or a number of seconds, milli-, micro- or nanoseconds since 1970.
fn instant(value: &Json) -> Option<DateTime<Utc>> {
    match value {
        Json::String(text) => match text.parse::<i64>() {
            Ok(number) => since_1970(number),
            Err(_) => timed(text).map(|(at, _)| at),
        },
        Json::Number(number) => match number.as_i64() {
            Some(whole) => since_1970(whole),
            #[expect(clippy::cast_possible_truncation, reason = "microseconds are exact enough")]
            None => DateTime::from_timestamp_micros((number.as_f64()? * 1e6) as i64),
        },
        _ => None,
    }
}

/// Which unit a number is in is told by its size: seconds have ten digits for some centuries.
fn since_1970(number: i64) -> Option<DateTime<Utc>> {
    match number.unsigned_abs() {
        ..100_000_000_000 => DateTime::from_timestamp(number, 0),
        100_000_000_000..100_000_000_000_000 => DateTime::from_timestamp_millis(number),
        100_000_000_000_000..100_000_000_000_000_000 => DateTime::from_timestamp_micros(number),
        _ => Some(DateTime::from_timestamp_nanos(number)),
    }
}

/// The time a text begins with, and what comes after it. Without a zone it is UTC.
fn timed(text: &str) -> Option<(DateTime<Utc>, String)> {
    // Not a year: no regular expression is needed.
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

    const SAID: &str = "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=true )";

    #[test]
    fn the_words_of_the_service_are_the_same_whoever_collected_them() {
        let json = serde_json::to_string(SAID).unwrap();
        let bytes: Vec<u8> = SAID.bytes().collect();
        for (line, time) in [
            (SAID.to_owned(), None),
            (format!("\u{1b}[33m{SAID}\u{1b}[0m\r"), None),
            (format!("2025-10-22T12:00:01Z app[148e2] iad [info] {SAID}"), Some("12:00:01")),
            (format!("2025-10-22T12:00:01Z app[148e2] iad [info]{SAID}"), Some("12:00:01")),
            (format!("2025-10-22T14:00:01.5+02:00 {SAID}"), Some("12:00:01.500")),
            (format!("2025-10-22 12:00:01,250 {SAID}"), Some("12:00:01.250")),
            (format!("[2025-10-22T12:00:01Z] {SAID}"), Some("12:00:01")),
            (format!("runner-1  | {SAID}"), None),
            (format!("runner-1  | 2025-10-22T12:00:01.000000000Z {SAID}"), Some("12:00:01")),
            (format!("2025-10-22T12:00:01.5Z stderr F {SAID}"), Some("12:00:01.500")),
            (format!("[pod/runner-7f/runner] {SAID}"), None),
            (format!("Oct 22 12:00:01 host runner[12]: {SAID}"), None),
            (format!("2025-10-22T12:00:01+0000 host runner[12]: {SAID}"), Some("12:00:01")),
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
            let found = entry(&line);
            assert_eq!(found.text, SAID, "{line}");
            let at = found.at.map(|at| at.to_rfc3339());
            let expected = time.map(|time| format!("2025-10-22T{time}+00:00"));
            assert_eq!(at, expected, "{line}");
        }
    }

    #[test]
    fn what_is_no_prefix_stays() {
        for line in ["", "plain words", "{not json", r#"{"other":"field"}"#, "| pipe", "a [b] c: d"]
        {
            assert_eq!(entry(line), Entry { at: None, text: line.into() });
        }
    }
}
