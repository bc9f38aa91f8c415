//! Removes what loggers append to the text of a line, such as `job=7` or `(worker.py:12)`. A text may itself
//! end with such a part, so each possible text is returned.

use std::sync::LazyLock;

use regex::Regex;

use super::pattern::compile;
use super::wrapper::STRUCTLOG;

/// Maximum number of `key=value` pairs to remove from a line.
const MAX_PAIRS: usize = 16;

/// Matches a pair at the end of a line that structlog's console renderer printed: `job=7`, `name='x y'`,
/// `list=[1, 2]`. A pair whose unquoted value ends with a comma is part of the text.
const PAIR: &str = r#"\s+(?P<key>[A-Za-z_][\w.]*)=(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\[[^\[\]]*\]|\{[^{}]*\}|\([^()]*\)|[^\s'",=\[({]*[^\s'",=\[({,])$"#;
/// Matches the name of the logger, which structlog's console renderer prints between the text and the pairs.
const NAME: &str = r"\s+\[[A-Za-z_][\w.-]*\]$";
/// Matches a position in the source: `(worker.py:12)`, `[src/worker.ts:12]`, `<worker.go:12>`.
const POSITION: &str =
    r"\s+(?:\([\w./-]+\.[a-z]{1,5}:\d+\)|\[[\w./-]+\.[a-z]{1,5}:\d+\]|<[\w./-]+\.[a-z]{1,5}:\d+>)$";

static PAIR_PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| compile(PAIR));
static NAME_PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| compile(NAME));
static POSITION_PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| compile(POSITION));

/// Returns the possible texts without what a logger appended, the shortest one last. `outer` is the name of
/// the innermost wrapper (prefix or JSON object of a tool) that was removed. If none was removed, the text is
/// shortened only if the line has a time.
pub(super) fn without_suffixes(text: &str, outer: Option<&str>, has_time: bool) -> Vec<String> {
    let ends = if outer == Some(STRUCTLOG) {
        without_pairs(text)
    } else if outer.is_some() || has_time {
        let position = POSITION_PATTERN.as_ref().filter(|_| text.ends_with([')', ']', '>']));
        let found = position.and_then(|position| position.find(text));
        found.map(|found| &text[..found.start()]).into_iter().collect()
    } else {
        Vec::new()
    };
    ends.into_iter().map(str::to_owned).collect()
}

/// Removes pairs from the end as long as their keys are in alphabetical order, in which structlog prints
/// them.
fn without_pairs(text: &str) -> Vec<&str> {
    let mut ends = Vec::new();
    let mut rest = text.trim_end();
    if rest.len() < text.len() {
        ends.push(rest);
    }
    let mut next_key: Option<&str> = None;
    for _ in 0..MAX_PAIRS {
        let Some(found) = PAIR_PATTERN.as_ref().and_then(|pair| pair.captures(rest)) else { break };
        let (Some(pair), Some(key)) = (found.get(0), found.name("key")) else { break };
        if next_key.is_some_and(|next| key.as_str() > next) {
            break;
        }
        next_key = Some(key.as_str());
        rest = &rest[..pair.start()];
        ends.push(rest);
        if pair.as_str().starts_with("  ") {
            // structlog pads a short text with spaces, so this pair is the first one.
            break;
        }
    }
    let name = NAME_PATTERN.as_ref().and_then(|name| name.find(rest));
    ends.extend(name.map(|name| rest[..name.start()].trim_end()));
    ends
}
