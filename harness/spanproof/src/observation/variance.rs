//! A table of patterns for values that differ from run to run: times, process ids and durations. Each
//! such value is replaced by a placeholder.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Matches the text before a number that is not part of a longer word. An escape sequence for a colour
/// ends with a letter, so it is allowed separately.
const START: &str = r"(?:^|[^\w]|\x1b\[[\d;]*m)";
/// Matches escape sequences for colours, which may surround `=`.
const COLOUR: &str = r"(?:\x1b\[[\d;]*m)*";
const CLOCK: &str = r"\d{2}:\d{2}:\d{2}";
const FRACTION: &str = r"[.,]\d{1,9}";
const DAY: &str = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)";
const MONTH: &str = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)";
/// Matches a time zone, with the space before it. Other words in capital letters may follow a time, too,
/// so only common abbreviations match.
const ZONE: &str =
    r"(?:Z|[+-]\d{2}(?::?\d{2})?| [+-]\d{2}:?\d{2}| (?:UTC|GMT|[ECMP][SD]T|CES?T|BST|JST))";
/// Matches units of time below one second. Numbers with such a unit are usually measured.
const FINE_UNIT: &str = r"(?:ns|[uµμ]s|ms|msecs?|millis|(?:milli|micro|nano)seconds?)";
const UNIT: &str = r"(?:ns|[uµμ]s|ms|msecs?|millis|(?:milli|micro|nano)seconds?|s|secs?|seconds?|m|mins?|minutes?|h|hours?)";
/// Matches text after which a duration is a setting instead of a measurement, such as `retrying in`.
const SETTING: &str = r"(?i)\b(?:retr(?:y|ies|ying)|time[sd]?[ -]?out|timeouts?|wait\w*|sleep\w*|expir\w*|intervals?|delay\w*|deadline|backoff|every|limit\w*|idle)(?:\W+\w+)?\W*$";

/// One kind of varying values.
#[derive(Debug)]
pub(super) struct Variance {
    /// The name of the placeholder.
    name: &'static str,
    /// Matches the value. The groups `before` and `after` are kept.
    pattern: Regex,
}

/// The table, compiled.
static TABLE: LazyLock<Vec<Variance>> = LazyLock::new(|| {
    let rows = table().into_iter();
    rows.filter_map(|(name, pattern)| Some(Variance { name, pattern: Regex::new(&pattern).ok()? }))
        .collect()
});
static SETTINGS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(SETTING).ok());

/// Returns the patterns in the order in which they are applied, each with the name of its placeholder.
fn table() -> Vec<(&'static str, String)> {
    let mut table: Vec<_> =
        times().into_iter().map(|form| ("TIME", format!("(?P<before>{START}){form}\\b"))).collect();
    let clock = format!(r"^(?P<before>(?:{COLOUR}\[?)){CLOCK}\b");
    table.push(("TIME", clock));
    table.extend(epochs().map(|pattern| ("TIME", pattern)));
    table.push(("PID", process_id()));
    table.extend(durations().map(|pattern| ("DURATION", pattern)));
    table
}

/// Returns the patterns of dates and times of day.
fn times() -> [String; 11] {
    let (date, slashes) = (r"\d{4}-\d{2}-\d{2}", r"\d{4}/\d{2}/\d{2}");
    let clock = format!("{CLOCK}(?:{FRACTION})?");
    [
        // `2026-11-26T04:50:44.123Z`, `2026-11-26 04:50:44,123 +0100`, `2026-11-26 04:50`.
        format!(r"{date}[Tt ]\d{{2}}:\d{{2}}(?::\d{{2}}(?:{FRACTION})?)?{ZONE}?"),
        format!(r"\d{{8}}T\d{{6}}(?:{FRACTION})?Z?"),
        // `Thu, 26 Nov 2026 04:50:44 GMT`.
        format!(r"(?:{DAY}, ?)?\d{{1,2}} {MONTH} \d{{4}} {clock}{ZONE}?"),
        // `26/Nov/2026:04:50:44 +0000`.
        format!(r"\d{{2}}/{MONTH}/\d{{4}}:{CLOCK}{ZONE}?"),
        // `2026/11/26 04:50:44.123456`.
        format!("{slashes} {clock}{ZONE}?"),
        // `11/26/2026, 4:50:44 AM`.
        r"\d{1,2}/\d{1,2}/\d{4},? \d{1,2}:\d{2}:\d{2}(?:\s[AP]M)?".to_owned(),
        // `Nov 26, 2026 4:50:44 AM`.
        format!(r"{MONTH} \d{{1,2}}, \d{{4}},? (?:at )?\d{{1,2}}:\d{{2}}:\d{{2}}(?:\s[AP]M)?"),
        // `Thu Nov 26 04:50:44 UTC 2026`.
        format!(r"{DAY} {MONTH} [ \d]?\d {clock}{ZONE}?(?: \d{{4}})?"),
        // `Nov 26 04:50:44`.
        format!(r"{MONTH} [ \d]?\d {clock}"),
        // `I1126 04:50:44.123456`.
        format!(r"[IWEF]\d{{4}} {CLOCK}\.\d{{6}}"),
        // `04:50:44.123`.
        format!("{CLOCK}{FRACTION}{ZONE}?"),
    ]
}

/// Returns the patterns of times as numbers of seconds, milliseconds, microseconds or nanoseconds since
/// 1970. They match only after a key such as `ts=`, which distinguishes them from other numbers.
fn epochs() -> [String; 2] {
    let keys = "time|ts|timestamp|timeMillis|time_ms|epochSecond|datetime|created|start_?time|t";
    let key = format!(r#""@?(?i:{keys})"\s*:\s*"?|{START}(?:time|ts|timestamp){COLOUR}={COLOUR}"#);
    let number = r"(?:[12]\d{9}(?:\d{3}|\d{6}|\d{9})?(?:\.\d+)?|[12]\.\d+[eE]\+?\d{1,2})";
    [
        format!(r"(?P<before>{key}){number}\b"),
        r#"(?P<before>"nanoOfSecond"\s*:\s*)\d+\b"#.to_owned(),
    ]
}

/// Returns the pattern of a process id after a word for it: `pid=123`, `PID 123`, `"pid":123`.
fn process_id() -> String {
    let separator = format!(r#"(?:{COLOUR}"?\s*{COLOUR}[=:]{COLOUR}\s*"?|\s+)"#);
    format!(r"(?P<before>{START}(?i:p?pid|process[ _.-]?id){separator})\d+\b")
}

/// Returns the patterns of measured durations. A whole number of seconds is usually a setting, so it
/// matches only after a verb in the past tense, such as `migrated in`.
fn durations() -> [String; 5] {
    let mixed = r"(?:\d+[hm])*";
    let precise = format!(r"(?:{mixed}\d+\.\d+ ?{UNIT}|\d+ ?{FINE_UNIT})");
    let whole = format!(r"{mixed}\d+ ?{UNIT}");
    [
        format!(r"(?P<before>{START}(?i:in|took|after)[ :]+){precise}\b"),
        format!(r"(?P<before>{START}(?i:took|(?:\w+ed|ready|up|done) in)[ :]+){whole}\b"),
        // `Started App in 1.234 seconds (process running for 1.567)`.
        format!(r"(?P<before>\brunning for )\d+\.\d+(?: ?{UNIT})?\b"),
        // `time.busy=12.3µs`, `elapsed=1.2ms`.
        format!(
            r"(?P<before>{START}(?:elapsed|took|latency|time\.busy|time\.idle){COLOUR}={COLOUR}){mixed}\d+(?:\.\d+)? ?{UNIT}\b"
        ),
        format!(
            r#"(?P<before>"(?:elapsed|took|latency)(?:_?(?:ms|secs?|seconds))?"\s*:\s*"?)\d+(?:\.\d+)?(?: ?{UNIT})?\b"#
        ),
    ]
}

impl Variance {
    /// Replaces every value that varies.
    pub(super) fn redact(line: String) -> String {
        if !line.bytes().any(|byte| byte.is_ascii_digit()) {
            return line;
        }
        TABLE.iter().fold(line, |line, variance| variance.replace(&line))
    }

    fn replace(&self, line: &str) -> String {
        let replaced = self.pattern.replace_all(line, |found: &Captures<'_>| {
            let whole = found.get_match();
            if self.name == "DURATION" && is_setting(&line[..whole.start()]) {
                return whole.as_str().to_owned();
            }
            let part = |name| found.name(name).map_or("", |part| part.as_str());
            format!("{}[{}]{}", part("before"), self.name, part("after"))
        });
        replaced.into_owned()
    }
}

/// Whether a duration after this text is a setting.
fn is_setting(before: &str) -> bool {
    SETTINGS.as_ref().is_some_and(|pattern| pattern.is_match(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_a_valid_regex() {
        assert_eq!(TABLE.len(), table().len());
        assert!(SETTINGS.is_some());
    }
}
