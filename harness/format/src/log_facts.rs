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
    /// The number of startup lines that do not agree with the last startup line of the log. A startup
    /// line says whether tracing is on, and the value of the tracing flag. Two lines agree if they
    /// say the same about tracing and have the same value.
    #[serde(rename = "contradicted")]
    pub contradictions: usize,
    /// The tools that wrote the lines, from the outside to the inside, such as `flyctl, JSON`; empty if the lines
    /// have at most a time before their text, and in documents of version 0.1.0.
    #[serde(default, rename = "log_format", skip_serializing_if = "String::is_empty")]
    pub line_format: String,
    /// Lines with the text of a probe (a pattern of the spec) after something that could not be removed, as
    /// `log:12  text`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unclear: Vec<String>,
    /// Whether the times do not contain their zone, and `--log-zone` was not used. They are read as UTC.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lacks_zone: bool,
    /// The time zone of the log, found by comparing a line with the rows, and this line, as in `+02:00 (log:12)`. If
    /// `lacks_zone`, the zones that would fit, as in `+00:00 or +01:00`. Empty if there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fitting_zone: String,
    /// Whether the log has lines about the start of spans, at any time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_begin_lines: bool,
    /// Why a line that is not in the log proves nothing, each as a sentence without its period.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
    /// The first lines about spans that were not written at the time of the jobs, as `log:12  text`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outside: Vec<String>,
    /// The number of lines about spans that were not written at the time of the jobs.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub outside_lines: u64,
    /// Whether no line matches a probe other than that of the start, and no line names an observed job or unit. The log
    /// may be from a different service.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_foreign: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
