//! Finds secrets that follow a name: `password=…`, `"api_key": "…"`, `--token …`.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::name::{is_secret, looks_random, may_be_secret};
use super::text::{Found, without_overlaps};

/// Matches a name that contains a word for secrets; [`may_be_secret`] decides whether it is the name of a
/// secret.
const NAME: &str = r"(?P<name>[a-z0-9_-]*(?:pass|pwd|pw|secret|token|key|credential|cookie|auth|sig|sid|session|jwt|csrf|xsrf|hmac|salt|seed|dsn|connection)[a-z0-9_-]*)";
/// Number of bytes at the start of a value that decide whether it is a secret.
const DECISIVE: usize = 1024;

/// Patterns of the text before a value. [`value_length`] finds the end of the value. With a pattern for the
/// whole value, the time would grow with the number of names in the value.
static HEADS: LazyLock<Vec<(Regex, Ends)>> = LazyLock::new(|| {
    let heads = heads();
    heads.into_iter().filter_map(|(head, ends)| Some((Regex::new(&head).ok()?, ends))).collect()
});

/// Where a value ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// At its closing quote or, without quotes, before a blank or punctuation.
    Usual,
    /// At the next `'`, which ends the whole word on a command line.
    Word,
    /// At its closing quote. The value must look random, because in a list of names another name follows.
    Listed,
}

fn heads() -> [(String, Ends); 5] {
    [
        // `'--password=…'` on a command line. The next pattern must not match it first: there, a
        // value ends at a space.
        (format!(r"(?i)'--?{NAME}="), Ends::Word),
        // `password=…`, `"api_key": "…"`, `token: Some("…")`, `Authorization: Bearer …`.
        (
            format!(
                r#"(?i){NAME}(?P<quote>\\*["'])?\s*(?:=>|:=|=|:)\s*(?:[a-z]+\()*(?:(?:bearer|basic|digest|token|apikey)\s+)?"#
            ),
            Ends::Usual,
        ),
        // `--password …` on a command line.
        (format!(r"(?i)(?:^|\s)--?{NAME}\s+"), Ends::Usual),
        // `("x-api-key", "…")`, a header in a list.
        (format!(r#"(?i){NAME}\\*["']\s*,\s*"#), Ends::Listed),
        // `password '…'` in SQL.
        (r"(?i)\b(?P<name>password)\s+".to_owned(), Ends::Usual),
    ]
}

/// Returns the secrets in a text that follow a name.
pub(super) fn find(text: &str) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    for (index, (head, ends)) in HEADS.iter().enumerate() {
        let mut at = 0;
        while let Some(captures) = head.captures_at(text, at) {
            let Some(whole) = captures.get(0) else { break };
            at = whole.end();
            let is_sql = index == 4;
            if is_sql && !text[at..].starts_with('\'') {
                continue;
            }
            if let Some((found, end)) = secret(text, &captures, *ends) {
                all.push(found);
                at = end;
            }
            if at >= text.len() {
                break;
            }
        }
    }
    without_overlaps(all)
}

/// Returns the secret after a head, and where its value ends; `None` if the value is not a secret.
fn secret(text: &str, head: &Captures<'_>, ends: Ends) -> Option<(Found, usize)> {
    let (name, start) = (head.name("name")?.as_str(), head.get(0)?.end());
    if !may_be_secret(name) {
        return None;
    }
    let rest = &text[start..];
    // In `token::parse` and `--token --port` there is no value.
    if rest.starts_with(':') || rest.starts_with("--") {
        return None;
    }
    let decisive = &rest[..rest.floor_char_boundary(DECISIVE)];
    let length = |text: &str| match ends {
        Ends::Usual | Ends::Listed => value_length(text),
        Ends::Word => text.find('\'').unwrap_or(text.len()),
    };
    let short = length(decisive);
    let value = &decisive[..short];
    if value.is_empty() || !is_secret(name, trim_quotes(value)) {
        return None;
    }
    if ends == Ends::Listed && !(value.starts_with(QUOTES) && looks_random(trim_quotes(value))) {
        return None;
    }
    let value = if short < decisive.len() { value } else { &rest[..length(rest)] };
    let inner = trim_quotes(value);
    let head_length = value.len() - value.trim_start_matches(QUOTES).len();
    let range = start + head_length..start + head_length + inner.len();
    // A value without quotes after a quoted name is a number in JSON. The mask needs quotes to be JSON.
    let quote = head.name("quote").filter(|_| head_length == 0);
    let quote = quote.map_or_else(String::new, |quote| quote.as_str().to_owned());
    Some((Found { range, quote }, start + value.len()))
}

const QUOTES: &[char] = &['"', '\'', '\\'];

/// Removes the quotes around a value.
fn trim_quotes(value: &str) -> &str {
    value.trim_start_matches(QUOTES).trim_end_matches(QUOTES)
}

/// Returns the length of the value at the start of a text, with its quotes. The closing quote may be
/// missing.
fn value_length(text: &str) -> usize {
    let backslashes = text.len() - text.trim_start_matches('\\').len();
    let after = &text[backslashes..];
    if backslashes > 0 {
        // In escaped quotes: up to the next escaped quote.
        let Some(inner) = after.strip_prefix('"') else { return 0 };
        return inner.find("\\\"").map_or(text.len(), |end| backslashes + 1 + end + 2);
    }
    match after.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let mut is_escaped = false;
            for (at, c) in after.char_indices().skip(1) {
                match c {
                    _ if is_escaped => is_escaped = false,
                    '\\' => is_escaped = true,
                    c if c == quote => return at + 1,
                    _ => {}
                }
            }
            after.len()
        }
        Some(first) if !first.is_whitespace() && !"&;,(){}[]\\".contains(first) => {
            let mut is_escaped = false;
            for (at, c) in after.char_indices() {
                let ends =
                    c.is_whitespace() || "\"'".contains(c) || (!is_escaped && "&;,)}]".contains(c));
                if ends {
                    return at - usize::from(is_escaped);
                }
                is_escaped = c == '\\' && !is_escaped;
            }
            after.len() - usize::from(is_escaped)
        }
        _ => 0,
    }
}
