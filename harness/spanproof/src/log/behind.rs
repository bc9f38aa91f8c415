//! What loggers append to the text of a line. Where that begins is not always known, so each possible end of
//! the text is tried.

use std::sync::LazyLock;

use regex::Regex;

use super::wrapper::STRUCTLOG;

/// Maximum number of pairs to remove.
const MAX_PAIRS: usize = 16;

/// A pair of structlog's console: `job=7`, `name='x y'`, `list=[1, 2]`. An unquoted value that ends with a
/// comma is part of the text.
const PAIR: &str = r#"\s+(?P<key>[A-Za-z_][\w.]*)=(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\[[^\[\]]*\]|\{[^{}]*\}|\([^()]*\)|[^\s'",=\[({]*[^\s'",=\[({,])$"#;
/// The name of the logger, which structlog's console puts between the text and the pairs.
const NAME: &str = r"\s+\[[A-Za-z_][\w.-]*\]$";
/// `(worker.py:12)`, `[src/worker.ts:12]`, `<worker.go:12>`.
const POSITION: &str =
    r"\s+(?:\([\w./-]+\.[a-z]{1,5}:\d+\)|\[[\w./-]+\.[a-z]{1,5}:\d+\]|<[\w./-]+\.[a-z]{1,5}:\d+>)$";

static PAIR_PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(PAIR).ok());
static NAME_PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(NAME).ok());
static POSITION_PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(POSITION).ok());

/// Returns the possible texts without what a logger appended, the shortest one last. `outer` is the name of
/// the wrapper around the text. A text without a wrapper is shortened only after a time.
pub(super) fn without_ends(text: &str, outer: Option<&str>, has_time: bool) -> Vec<String> {
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

/// Removes pairs as long as their keys are in alphabetical order, in which structlog prints them.
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
            // The text was shorter than its column.
            break;
        }
    }
    let name = NAME_PATTERN.as_ref().and_then(|name| name.find(rest));
    ends.extend(name.map(|name| rest[..name.start()].trim_end()));
    ends
}
