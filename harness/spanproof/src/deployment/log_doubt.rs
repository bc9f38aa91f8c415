//! Doubts about the lines that a log lacks: a collector reports lost lines, so a missing line proves nothing; or a
//! line reports that OpenTelemetry is switched off, which may be why spans are missing.

use std::sync::LazyLock;

use regex::Regex;

use crate::log::Entry;
use crate::observation::reports_library_off;

/// Patterns for statements about lost lines: those of rsyslog, journald, Docker, Fluent Bit, `zap` and others.
const LOSS_PATTERNS: [&str; 5] = [
    r"(?i)\b(?:lost|dropp(?:ed|ing)|suppress(?:ed|ing)|missed|discard(?:ed|ing)|truncat(?:ed|ing)|omitt(?:ed|ing)|throttled) (?:at least )?[1-9]\d* (?:\w+ ){0,2}(?:messages?|lines?|logs?|log entries|events)\b",
    r"(?i)\b[1-9]\d* (?:\w+ ){0,2}(?:messages?|lines?|logs?|log entries|events) (?:were |have been |was |had to be )?(?:lost|dropped|suppressed|missed|discarded|truncated|omitted|throttled)\b",
    r"(?i)\b(?:messages|lines|logs|log entries|events) (?:lost|dropped|suppressed|missed|discarded|truncated|omitted)\W{1,3}[1-9]\d*\b",
    r"(?i)\bmessage repeated [1-9]\d* times?\b",
    r"(?i)\bpaused \(mem buf overlimit\)",
];

/// Texts of which every line that one of the patterns or [`reports_library_off`] matches contains at least one, if
/// the line has the usual case: `dropped`, `Dropped`, `OTEL_SDK_DISABLED`. The patterns also match other lines,
/// such as `DROPPED 5 MESSAGES`, which are found only if they contain another text that is searched for.
pub(super) const DOUBT_TEXTS: [&str; 15] = [
    "lost ",
    "Lost ",
    " lost",
    "ropp",
    "uppress",
    "issed",
    "iscard",
    "runcat",
    "omitt",
    "Omitt",
    "hrottled",
    "epeated ",
    "overlimit",
    "OTEL_SDK_DISABLED",
    "OTEL_TRACES_EXPORTER",
];

static LOSS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&LOSS_PATTERNS.join("|")).ok());

/// Maximum number of doubts about a log.
const MAX_DOUBTS: usize = 4;

/// Adds a doubt if a line reports that lines were lost at the time of the jobs, or that OpenTelemetry is
/// switched off.
pub(super) fn add(doubts: &mut Vec<String>, number: u64, entry: &Entry, is_in_window: bool) {
    let whole = entry.texts.first().map_or("", String::as_str);
    let doubt = loss(number, whole).filter(|_| is_in_window);
    let doubt = doubt.or_else(|| library_off(number, whole)).map(|text| crate::mask::text(&text));
    doubts.extend(doubt.filter(|_| doubts.len() < MAX_DOUBTS));
}

/// Returns the doubt about a line that contains the text of an error, and perhaps does not report this error.
pub(super) fn of_error(number: u64, text: &str) -> String {
    format!(
        "log:{number} has the text of an error, in a line below the level of a warning or about an error that the \
         service handles, so it is not known whether spans were lost: {}",
        crate::mask::text(text)
    )
}

/// Returns why missing lines near this line prove nothing; `None` if the line does not report lost lines.
fn loss(number: u64, text: &str) -> Option<String> {
    LOSS.as_ref()?.is_match(text).then(|| {
        format!(
            "log:{number} reports that lines were lost, so a missing line proves nothing: {text}"
        )
    })
}

/// Returns the doubt that spans may be missing because OpenTelemetry is switched off; `None` if the line does not
/// report this.
fn library_off(number: u64, text: &str) -> Option<String> {
    reports_library_off(text).then(|| {
        format!(
            "log:{number} reports that an environment variable switches OpenTelemetry off, which may be why \
             spans are missing; start the service without this variable: {text}"
        )
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::rsyslog("rsyslogd: imuxsock lost 512 messages from pid 417 due to rate-limiting")]
    #[case::journald("systemd-journald[311]: Suppressed 3213 messages from parcels.service")]
    #[case::similar("log sampling: 99 similar messages suppressed")]
    #[case::truncated("[... 1200 lines truncated ...]")]
    #[case::docker("[logs dropped: 812 messages, buffer full]")]
    #[case::repeated("message repeated 3 times: [ begin span label]")]
    #[case::fluent_bit("[ warn] [input] tail.0 paused (mem buf overlimit)")]
    #[case::kernel("Missed 12 kernel messages")]
    fn a_statement_about_lost_lines_is_recognised(#[case] line: &str) {
        assert!(loss(7, line).unwrap().contains(line));
    }

    #[test]
    fn every_recognised_line_contains_a_search_text() {
        let actions = ["dropping", "suppressing", "discarding", "truncating", "omitting", "missed"];
        let states =
            ["dropped", "suppressed", "discarded", "truncated", "omitted", "throttled", "lost"];
        let mut lines = vec![
            "message repeated 3 times: [ready]".to_owned(),
            "tail.0 paused (mem buf overlimit)".to_owned(),
        ];
        for word in actions.iter().chain(&states) {
            let (first, rest) = word.split_at(1);
            lines.extend(
                [word.to_string(), first.to_uppercase() + rest].map(|word| word + " 5 messages"),
            );
        }
        for word in states.iter().chain(&["missed"]) {
            lines.push(format!("5 messages {word}"));
            if *word != "throttled" {
                lines.push(format!("messages {word}: 5"));
            }
        }
        for line in &lines {
            assert!(loss(7, line).is_some(), "{line}");
            assert!(DOUBT_TEXTS.iter().any(|text| line.contains(text)), "{line}");
        }
    }

    #[rstest]
    #[case::none("dropped 0 messages")]
    #[case::work("printing label for parcel 70010, 2 lines")]
    #[case::spans("dropped 3 spans")]
    fn a_line_about_something_else_is_no_statement_about_lost_lines(#[case] line: &str) {
        assert_eq!(loss(7, line), None);
    }

    #[test]
    fn a_switched_off_library_is_recognised() {
        assert!(library_off(5, "OTEL_SDK_DISABLED=true, using no-op tracer").is_some());
        assert!(library_off(5, r#"{"OTEL_SDK_DISABLED": "true"}"#).is_some());
        assert_eq!(library_off(5, "OTEL_SDK_DISABLED=false"), None);
    }
}
