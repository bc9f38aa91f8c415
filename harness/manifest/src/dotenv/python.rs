//! Reads as python-dotenv does.
//!
//! Source: <https://saurabh-kumar.com/python-dotenv/>, "File format". Observed with python-dotenv 1.2:
//! a line with a colon instead of `=` is ignored; `${A}` and `${A:-b}` are filled in, even in single quotes,
//! and `$A` is not.

use crate::interpolation::{Lookup, Source, fill};
use crate::quote;
use crate::variable::Value;

use super::assignment::{Assignment, Parsed, earlier};

pub(super) fn read(text: &str, source: Source<'_>) -> Parsed {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut parsed = Parsed::default();
    let mut rest = text.as_str();
    let mut line = 1;
    loop {
        let start = rest.trim_start();
        line += rest[..rest.len() - start.len()].matches('\n').count();
        if start.is_empty() {
            return parsed;
        }
        let line_end = start.find('\n').unwrap_or(start.len());
        let taken = match statement(start) {
            _ if start.starts_with('#') => line_end,
            Ok((_, None, taken)) => taken,
            Ok((name, Some(value), taken)) => {
                let assignment = filled(&name, &value, line, &parsed.assignments, source);
                parsed.assignments.push(assignment);
                taken
            }
            Err(error) => {
                parsed.ignored.push((line, "it is not `NAME=value`".to_owned()));
                error + start[error..].find('\n').unwrap_or(start.len() - error)
            }
        };
        line += start[..taken].matches('\n').count();
        rest = &start[taken..];
    }
}

/// Fills `${…}` into a value.
fn filled(
    name: &str,
    text: &str,
    line: usize,
    before: &[Assignment],
    source: Source<'_>,
) -> Assignment {
    if !text.contains("${") {
        return Assignment::literal(name, text, line);
    }
    // Only `${…}` is filled in. All other dollar signs are doubled to escape them from `fill`.
    let prepared = text.replace('$', "$$").replace("$${", "${");
    let lookup = |name: &str| match source(name) {
        Lookup::Missing(reason) => match earlier(before, name) {
            Some(Value::Literal(text)) => Lookup::Found(text.clone(), None),
            _ => Lookup::Missing(reason),
        },
        found => found,
    };
    let filled = fill(&prepared, &lookup);
    Assignment { name: name.to_owned(), value: filled.value, line, steps: filled.steps }
}

/// Reads an assignment. Returns its name, value and length; the value is `None` for a name alone. `Err` is
/// the offset up to which the text could be read.
fn statement(text: &str) -> Result<(String, Option<String>, usize), usize> {
    let blank: &[char] = &[' ', '\t'];
    let exported = text.strip_prefix("export").filter(|rest| rest.starts_with(blank));
    let start = exported.map_or(text, |rest| rest.trim_start_matches(blank));
    let position = |rest: &str| text.len() - rest.len();
    let (name, after) = if let Some(quoted) = start.strip_prefix('\'') {
        quoted.split_once('\'').ok_or(position(start))?
    } else {
        let end = start.find(|c: char| "=#".contains(c) || c.is_whitespace());
        start.split_at(end.unwrap_or(start.len()))
    };
    if name.is_empty() {
        return Err(position(start));
    }
    let after = after.trim_start_matches(blank);
    let Some(value) = after.strip_prefix('=') else {
        let end = end_of_line(after).ok_or(position(after))?;
        return Ok((name.to_owned(), None, position(after) + end));
    };
    let trimmed = value.trim_start_matches(blank);
    let line_end = trimmed.find('\n').unwrap_or(trimmed.len());
    if trimmed.len() < value.len() && trimmed.starts_with('#') {
        return Ok((name.to_owned(), Some(String::new()), position(trimmed) + line_end));
    }
    if let Some(quote) = trimmed.chars().next().filter(|c| "'\"".contains(*c)) {
        let end = quote::closing(trimmed, quote).ok_or(position(trimmed))?;
        let rest = &trimmed[end + 1..];
        let length = position(rest) + end_of_line(rest).ok_or(position(rest))?;
        return Ok((name.to_owned(), Some(unescaped(&trimmed[1..end], quote)), length));
    }
    let line = &trimmed[..line_end];
    let begins = |at: &usize| line[..*at].ends_with(char::is_whitespace);
    let comment = line.char_indices().filter(|(_, c)| *c == '#').map(|(at, _)| at).find(begins);
    let text = comment.map_or(line, |at| &line[..at]).trim_end();
    Ok((name.to_owned(), Some(text.to_owned()), position(trimmed) + line_end))
}

/// Returns the length up to the end of a line that is empty or a comment; `None` for any other line.
fn end_of_line(text: &str) -> Option<usize> {
    let rest = text.trim_start_matches([' ', '\t']);
    let end = text.find('\n').unwrap_or(text.len());
    (rest.is_empty() || rest.starts_with(['\n', '#'])).then_some(end)
}

/// Replaces the escape sequences of a quoted value.
fn unescaped(text: &str, quote: char) -> String {
    quote::unescaped(text, |c| match (c, quote) {
        ('\\', _) => Some("\\"),
        ('\'', _) => Some("'"),
        ('"', '"') => Some("\""),
        ('n', '"') => Some("\n"),
        ('t', '"') => Some("\t"),
        ('r', '"') => Some("\r"),
        ('a', '"') => Some("\u{7}"),
        ('b', '"') => Some("\u{8}"),
        ('v', '"') => Some("\u{b}"),
        ('f', '"') => Some("\u{c}"),
        _ => None,
    })
}
