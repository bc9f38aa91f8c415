//! The level of a line, as the service's logger wrote it. The level that a log collector adds is not read,
//! because the collector only knows whether the line came from stdout or stderr.

use serde_json::{Map, Value as Json};

/// The level of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Lower than warning: the service continues normally.
    Low,
    /// A warning or worse.
    High,
}

/// Words and abbreviations of levels lower than warning, in lowercase letters.
const LOW: [&str; 18] = [
    "trace",
    "trc",
    "trac",
    "debug",
    "dbg",
    "debu",
    "verbose",
    "vrb",
    "fine",
    "finer",
    "finest",
    "config",
    "info",
    "inf",
    "information",
    "informational",
    "notice",
    "log",
];
/// Words and abbreviations of the other levels, in lowercase letters.
const HIGH: [&str; 19] = [
    "warn",
    "wrn",
    "warning",
    "error",
    "err",
    "erro",
    "fatal",
    "ftl",
    "fata",
    "critical",
    "crit",
    "severe",
    "alert",
    "emergency",
    "emerg",
    "panic",
    "dpanic",
    "pnc",
    "pani",
];
/// Keys of the level in JSON and logfmt.
const KEYS: [&str; 15] = [
    "level",
    "severity",
    "levelname",
    "lvl",
    "loglevel",
    "log.level",
    "log_level",
    "level_name",
    "@l",
    "severity_text",
    "severityText",
    "SeverityText",
    "LogLevel",
    "Level",
    "status",
];
/// The JSON formats whose level comes from a collector.
const COLLECTORS: [&str; 3] = ["flyctl JSON", "journald JSON", "docker JSON"];
/// The key of a plain text in Google Cloud's JSON. The level of an entry with this key depends only on the
/// stream.
const PLAIN_TEXT: &str = "textPayload";

impl Level {
    /// Returns the level that a word names; `None` if it names none.
    fn from_word(word: &str) -> Option<Self> {
        let is_in = |words: &[&str]| words.iter().any(|known| word.eq_ignore_ascii_case(known));
        match () {
            () if is_in(&LOW) => Some(Self::Low),
            () if is_in(&HIGH) => Some(Self::High),
            () => None,
        }
    }

    /// Returns the level in the prefix that a logger wrote; `None` if there is none.
    pub(super) fn in_metadata(metadata: &str) -> Option<Self> {
        // `I1022 12:00:01` (glog), `I, [2025-…` (Ruby), `[I 251022 …` (Tornado), `I [812:main]`.
        let first = metadata.trim_start_matches('[');
        let letter = first.strip_prefix(|c: char| "TDIWEF".contains(c));
        let is_letter = letter.is_some_and(|rest| {
            rest.starts_with(|c: char| c.is_ascii_digit() || c == ',' || c.is_whitespace())
        });
        let words = || metadata.split(|c: char| !c.is_ascii_alphabetic());
        // Words in capital letters are tried first, because the name of a logger may be the lowercase word
        // for a level.
        let is_upper = |word: &&str| word.len() > 1 && word.bytes().all(|b| b.is_ascii_uppercase());
        words().filter(is_upper).chain(words()).find_map(Self::from_word).or_else(|| {
            let is_low = first.starts_with(['T', 'D', 'I']);
            is_letter.then_some(if is_low { Self::Low } else { Self::High })
        })
    }

    /// Returns the level in the JSON or logfmt of a logger; `None` if it has none. `logger` is the name of
    /// the format.
    pub(super) fn in_fields(logger: &str, fields: &Map<String, Json>) -> Option<Self> {
        if COLLECTORS.contains(&logger) || fields.contains_key(PLAIN_TEXT) {
            return None;
        }
        let nested = |key: &str| fields.get(key)?.as_object()?.get("level");
        let values = KEYS.iter().filter_map(|key| fields.get(*key)).chain(nested("log"));
        { values }.find_map(Self::from_value).or_else(|| {
            let number = fields.get("severityNumber").or(fields.get("SeverityNumber"))?.as_u64()?;
            // OpenTelemetry: 13 is the first warning.
            Some(if number < 13 { Self::Low } else { Self::High })
        })
    }

    /// Returns the level that a word or a number means. Numbers up to 7 are levels of syslog, and numbers
    /// from 10 levels of pino and bunyan.
    fn from_value(value: &Json) -> Option<Self> {
        let Some(number) = value.as_u64() else { return Self::from_word(value.as_str()?) };
        match number {
            5..=7 | 10..=30 => Some(Self::Low),
            0..=4 | 40..=60 => Some(Self::High),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::{Format, parse_line};
    use super::*;

    #[rstest]
    #[case::plain("text", None)]
    #[case::word("INFO text", Some(Level::Low))]
    #[case::after_time("2025-10-22T12:00:01Z WARN text", Some(Level::High))]
    #[case::glog("E1022 12:00:01.000000     812 main.go:42] text", Some(Level::High))]
    #[case::ruby("I, [2025-10-22T12:00:01.000000 #812]  INFO -- : text", Some(Level::Low))]
    #[case::python("2025-10-22 12:00:01,000 - info - ERROR - text", Some(Level::High))]
    #[case::json(r#"{"level":"info","msg":"text"}"#, Some(Level::Low))]
    #[case::pino(
        r#"{"level":50,"time":1761134401000,"pid":1,"hostname":"h","msg":"text"}"#,
        Some(Level::High)
    )]
    #[case::gelf(r#"{"level":6,"short_message":"text"}"#, Some(Level::Low))]
    #[case::logfmt("level=debug msg=text", Some(Level::Low))]
    #[case::ecs(r#"{"log.level":"error","message":"text"}"#, Some(Level::High))]
    #[case::collector("2025-10-22T12:00:01Z app[148e2] iad [info]text", None)]
    #[case::collector_around_logger(
        "2025-10-22T12:00:01Z app[148e2] iad [info]ERROR text",
        Some(Level::High)
    )]
    #[case::collector_json(r#"{"fly":{},"log":{"level":"info"},"message":"text"}"#, None)]
    fn the_level_is_that_of_the_logger(#[case] line: &str, #[case] expected: Option<Level>) {
        let entry = parse_line(line, &Format::Detected);
        assert_eq!((entry.text(), entry.level), ("text", expected));
    }
}
