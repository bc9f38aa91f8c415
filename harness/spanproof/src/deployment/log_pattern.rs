//! Patterns for lines in addition to the probes (the spec's patterns for lines): patterns for crashes, and
//! probes without their anchors, which match inside a line.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::RegexSet;

/// Patterns for the lines that runtimes and platforms print when a process crashes.
pub(super) const CRASH_PATTERNS: [&str; 8] = [
    r"panicked at ",
    r"^panic: ",
    r"^fatal error: ",
    r"Traceback \(most recent call last\)",
    r"Main child exited (?:with code: [1-9]|with signal)",
    r"exited with code [1-9]",
    r"(?:segmentation fault|core dumped)",
    r"Out of memory: Killed process",
];

/// Matches the [`CRASH_PATTERNS`].
pub(super) static CRASH: LazyLock<Option<RegexSet>> =
    LazyLock::new(|| RegexSet::new(CRASH_PATTERNS).ok());

/// Returns the patterns without a leading `^` and a trailing `$`; `None` if a pattern is invalid without
/// them.
pub(super) fn without_anchors(patterns: &[&str]) -> Option<RegexSet> {
    let patterns = patterns.iter().map(|pattern| {
        let pattern = pattern.strip_prefix('^').unwrap_or(pattern);
        let is_anchor = pattern.ends_with('$') && !pattern.ends_with("\\$");
        if is_anchor { &pattern[..pattern.len() - 1] } else { pattern }
    });
    RegexSet::new(patterns).ok()
}

/// Returns a text without the backslashes before quotes: in a JSON string behind an unknown prefix, quotes are
/// escaped.
pub(super) fn without_escapes(text: &str) -> Cow<'_, str> {
    if text.contains("\\\"") { text.replace("\\\"", "\"").into() } else { text.into() }
}
