//! Reads as systemd reads an `EnvironmentFile=`.
//!
//! Source: systemd.exec(5), `EnvironmentFile=`. Observed with systemd 252: blanks around `=` and at
//! the ends are dropped, `#` starts a comment only at the start of a line, and an invalid variable name
//! (`export A`) is ignored.

use super::assignment::{Assignment, Parsed};

pub(super) fn read(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let mut rest = text;
    let mut line = 1;
    while !rest.is_empty() {
        let start = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        line += rest[..rest.len() - start.len()].matches('\n').count();
        rest = start;
        if rest.is_empty() {
            break;
        }
        let (taken, assignment) = statement(rest);
        match assignment {
            Some((name, value)) if is_name(&name) => {
                parsed.assignments.push(Assignment::literal(&name, &value, line));
            }
            Some((name, _)) => {
                parsed.ignored.push((line, format!("`{name}` is not a valid variable name")));
            }
            None => {}
        }
        line += rest[..taken].matches('\n').count();
        rest = &rest[taken..];
    }
    parsed
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && crate::command::name_length(name) == name.len()
}

/// Reads a comment or an assignment. Returns its length, and the name with the value; `None` for a
/// comment and for a line without `=`.
fn statement(text: &str) -> (usize, Option<(String, String)>) {
    if text.starts_with(['#', ';']) {
        return (comment_length(text), None);
    }
    let end = text.find(['=', '\n', '\r']).unwrap_or(text.len());
    if !text[end..].starts_with('=') {
        return (end, None);
    }
    let name = text[..end].trim_end();
    let (length, value) = value(&text[end + 1..]);
    (end + 1 + length, Some((name.to_owned(), value)))
}

/// Returns the length of a comment. A backslash at the end of a line continues it.
fn comment_length(text: &str) -> usize {
    let mut escaped = false;
    let end = text.find(|c: char| {
        let ends = c == '\n' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    end.unwrap_or(text.len())
}

/// Reads a value up to the end of its line. Returns its length in the text and the value. A quote is
/// special only at the start of the value and after quoted parts.
fn value(text: &str) -> (usize, String) {
    let mut value = String::new();
    // The length of the value without trailing blanks.
    let mut trimmed = 0;
    // Whether an unquoted part has started.
    let mut unquoted = false;
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '\n' | '\r' => {
                value.truncate(trimmed);
                return (at, value);
            }
            ' ' | '\t' if !unquoted => {}
            ' ' | '\t' => value.push(c),
            '\'' | '"' if !unquoted => {
                quoted(c, &mut characters, &mut value);
                trimmed = value.len();
            }
            '\\' => {
                unquoted = true;
                if let Some((_, escaped)) = characters.next()
                    && escaped != '\n'
                {
                    value.push(escaped);
                    trimmed = value.len();
                }
            }
            other => {
                unquoted = true;
                value.push(other);
                trimmed = value.len();
            }
        }
    }
    value.truncate(trimmed);
    (text.len(), value)
}

/// Reads a quoted part, up to and including the closing quote.
fn quoted(quote: char, characters: &mut std::str::CharIndices<'_>, value: &mut String) {
    while let Some((_, c)) = characters.next() {
        match c {
            end if end == quote => return,
            '\\' if quote == '"' => match characters.next() {
                Some((_, '\n')) | None => {}
                Some((_, escaped @ ('"' | '\\' | '`' | '$'))) => value.push(escaped),
                Some((_, other)) => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
}
