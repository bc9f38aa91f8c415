//! Reads as the npm package dotenv and `node --env-file` do.
//!
//! Source: the README of motdotla/dotenv, "What rules does the parsing engine follow?", and
//! <https://nodejs.org/api/cli.html#--env-fileconfig>: a `#` in an unquoted value starts a
//! comment, even without a blank before it; `\n` in double quotes is a line break; variables are not
//! filled in.

use super::assignment::{Assignment, Parsed};

pub(super) fn read(text: &str) -> Parsed {
    let text =
        text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    let mut parsed = Parsed::default();
    let mut rest = text.as_str();
    let mut line = 1;
    while !rest.is_empty() {
        let start = rest.trim_start();
        line += rest[..rest.len() - start.len()].matches('\n').count();
        let taken = if let Some((name, value, taken)) = statement(start) {
            parsed.assignments.push(Assignment::literal(name, &value, line));
            taken
        } else {
            if !start.is_empty() && !start.starts_with('#') {
                parsed.ignored.push((line, "it is not `NAME=value`".to_owned()));
            }
            start.find('\n').unwrap_or(start.len())
        };
        line += start[..taken].matches('\n').count();
        rest = &start[taken..];
    }
    parsed
}

/// Reads an assignment. Returns its name, its value, and its length.
fn statement(text: &str) -> Option<(&str, String, usize)> {
    let exported = text.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t']));
    let start = exported.map_or(text, |rest| rest.trim_start_matches([' ', '\t']));
    let end = start.find(|c: char| !c.is_alphanumeric() && !"_.-".contains(c))?;
    let name = &start[..end];
    let after = start[end..].trim_start_matches([' ', '\t']);
    let value = match after.strip_prefix('=') {
        Some(value) => value,
        None if start[end..].starts_with(": ") => &start[end + 1..],
        None => return None,
    };
    if name.is_empty() {
        return None;
    }
    let inside = value.trim_start_matches([' ', '\t']);
    let offset = text.len() - inside.len();
    let line_end = inside.find('\n').unwrap_or(inside.len());
    if let Some(quote) = inside.chars().next().filter(|c| "'\"`".contains(*c))
        && let Some(end) = closing_quote(inside, quote)
        && is_end(&inside[end + 1..])
    {
        let quoted = &inside[1..end];
        let value = if quote == '"' {
            quoted.replace("\\n", "\n").replace("\\r", "\r")
        } else {
            quoted.to_owned()
        };
        let rest = &inside[end + 1..];
        let length = end + 1 + rest.find('\n').unwrap_or(rest.len());
        return Some((name, value, offset + length));
    }
    let value = inside[..line_end].split('#').next().unwrap_or_default().trim();
    Some((name, value.to_owned(), offset + line_end))
}

/// Whether the rest of a line is empty or a comment.
fn is_end(rest: &str) -> bool {
    let rest = rest.trim_start_matches([' ', '\t']);
    rest.is_empty() || rest.starts_with(['\n', '#'])
}

/// Returns the offset of the closing quote of a string. A backslash escapes a quote.
fn closing_quote(text: &str, quote: char) -> Option<usize> {
    let mut before = quote;
    text.char_indices().skip(1).find_map(|(at, c)| {
        let closes = c == quote && before != '\\';
        before = c;
        closes.then_some(at)
    })
}
