//! Patterns for lines in addition to the probes (the spec's patterns for lines): patterns for crashes, and
//! probes without their anchors, which match inside a line.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::RegexSet;

use super::log_doubt::DOUBT_TEXTS;
use super::log_zone::RowTimes;
use crate::identifier;
use crate::log::Needles;
use crate::observation::known_texts;
use crate::spec::Spec;

/// Patterns for the lines that runtimes and platforms print when a process crashes.
const CRASH_PATTERNS: [&str; 8] = [
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

/// Returns the texts by which the lines of a log that matter are found.
pub(super) fn needles(spec: &Spec, times: &RowTimes) -> Needles {
    let names = times.names.iter().map(|(name, _)| name).chain(&times.waiting);
    let table = identifier::parts(&spec.tables.spans.table).1;
    let known: Vec<_> = known_texts(&table).map(regex::escape).collect();
    let names: Vec<_> = names.map(|name| regex::escape(name)).collect();
    let texts = names.iter().chain(&known).map(String::as_str).chain(DOUBT_TEXTS);
    Needles::new(spec.probes.patterns().into_iter().chain(CRASH_PATTERNS).chain(texts))
}

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
