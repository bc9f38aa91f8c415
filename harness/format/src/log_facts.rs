//! The summary of a log in stored evidence.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A summary of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LogFacts {
    /// The name of the log's file; `-` is standard input.
    pub name: String,
    /// The number of lines.
    pub lines: u64,
    /// The first timestamp; `None` if the log has no timestamps.
    pub first: Option<DateTime<Utc>>,
    /// The last timestamp; `None` if the log has no timestamps.
    pub last: Option<DateTime<Utc>>,
    /// The number of the last line that reports a start of the service; `None` if there is none.
    #[serde(rename = "started")]
    pub last_start: Option<u64>,
    /// Lines about a crashed process, as `log:12  text`.
    pub crashes: Vec<String>,
    /// The number of startup lines that do not agree with the last startup line of the same process. A
    /// startup line reports whether tracing is on, and the value of the tracing flag. Two lines agree if
    /// they report the same state and the same value.
    #[serde(rename = "contradicted")]
    pub contradictions: usize,
    /// The formats of the tools that collected the lines, outermost first, such as `flyctl around JSON`; empty if
    /// the lines have at most a time before their text, and in documents of spanproof 0.1.0.
    #[serde(default, rename = "log_format", skip_serializing_if = "String::is_empty")]
    pub line_format: String,
    /// Lines that would match a probe (a pattern of the spec) without the text before or after, or that
    /// perhaps only quote such a line, as `log:12  text`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unclear: Vec<String>,
    /// Whether the time zone is unknown: the times do not contain it, `--log-zone` was not used, and it does
    /// not follow from a comparison with the rows. The times are then read as UTC.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lacks_zone: bool,
    /// The time zone that follows from a comparison of a line with the rows, and this line, such as
    /// `+02:00 (log:12)`. If `lacks_zone`, only a guess: the zones that fit, such as `+00:00 or +01:00`.
    /// Empty if there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fitting_zone: String,
    /// Whether the log has lines about the start of spans, at any time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_begin_lines: bool,
    /// Reasons why a missing line proves nothing, each as a sentence without its period.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
    /// The first lines about spans that were written before or after the jobs, as `log:12  text`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outside: Vec<String>,
    /// The number of all such lines.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub outside_lines: u64,
    /// Whether no line matches a probe other than `started`, and no line names an observed job or unit. The
    /// log may then be from a different service.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_foreign: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
