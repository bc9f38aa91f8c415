//! Reads as Docker Compose does.
//!
//! Source: <https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/>,
//! "env file syntax", and the package `dotenv` of compose-go. Observed with compose 2.40.

use crate::interpolation::{Filled, Lookup, Source, fill};
use crate::quote;
use crate::variable::Value;

use super::assignment::{Assignment, Parsed, earlier};

/// A position in a file.
struct Cursor<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Cursor<'a> {
    fn advance(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    /// Skips blanks, and line breaks if `lines`.
    fn skip_blanks(&mut self, lines: bool) {
        let blank = |c: char| c.is_whitespace() && (lines || c != '\n');
        let end = self.rest.find(|c| !blank(c)).unwrap_or(self.rest.len());
        self.advance(end);
    }

    fn line_end(&self) -> usize {
        self.rest.find('\n').unwrap_or(self.rest.len())
    }
}

pub(super) fn read(text: &str, source: Source<'_>) -> Parsed {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let mut cursor = Cursor { rest: &text, line: 1 };
    let mut parsed = Parsed::default();
    loop {
        cursor.skip_blanks(true);
        if cursor.rest.is_empty() {
            return parsed;
        }
        if cursor.rest.starts_with('#') {
            cursor.advance(cursor.line_end());
            continue;
        }
        let line = cursor.line;
        if let Err(message) = statement(&mut cursor, &mut parsed, source) {
            parsed.error = Some((line, message));
            return parsed;
        }
    }
}

/// Reads one assignment.
fn statement(
    cursor: &mut Cursor<'_>,
    parsed: &mut Parsed,
    source: Source<'_>,
) -> Result<(), String> {
    if let Some(after) = cursor.rest.strip_prefix("export")
        && after.starts_with([' ', '\t'])
    {
        cursor.advance("export".len());
        cursor.skip_blanks(false);
    }
    let line = cursor.line;
    let end = cursor.rest.find(['=', ':', '\n']).unwrap_or(cursor.rest.len());
    let inherits = !cursor.rest[end..].starts_with(['=', ':']);
    let name = cursor.advance(end).trim_end();
    let valid = |c: char| c.is_alphanumeric() || "_.-[]".contains(c);
    if let Some(wrong) = name.chars().find(|c| !valid(*c)) {
        return Err(format!("the name `{name}` contains the invalid character `{wrong}`"));
    }
    if name.is_empty() {
        return Err("the name is empty".to_owned());
    }
    if inherits {
        parsed.passed_on.push((name.to_owned(), line));
        return Ok(());
    }
    cursor.advance(1);
    cursor.skip_blanks(false);
    let lookup = |name: &str| {
        let outside = source(name);
        if !matches!(outside, Lookup::Missing(_) | Lookup::Earlier(_)) {
            return outside;
        }
        match earlier(&parsed.assignments, name) {
            Some(Value::Literal(text)) => Lookup::Found(text.clone(), None),
            Some(Value::Elsewhere(reason) | Value::Unknown(reason) | Value::Refused(reason)) => {
                Lookup::Unknown(reason.clone())
            }
            Some(Value::Unset) | None => outside,
        }
    };
    let Filled { value, steps } = value(cursor, &lookup)?;
    parsed.assignments.push(Assignment { name: name.to_owned(), value, line, steps });
    Ok(())
}

/// Reads a value.
fn value(cursor: &mut Cursor<'_>, source: Source<'_>) -> Result<Filled, String> {
    let literal = |text: &str| Filled { value: Value::Literal(text.to_owned()), steps: Vec::new() };
    let Some(quote) = cursor.rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        let text = cursor.advance(cursor.line_end());
        let text = text.split(" #").next().unwrap_or_default().trim_end();
        // A `#` that follows `=` starts no comment: for compose, it is the start of the value.
        return Ok(fill(text, source));
    };
    let end = quote::closing(cursor.rest, quote).ok_or("unterminated quote")?;
    let text = &cursor.advance(end + 1)[1..end];
    Ok(match quote {
        '\'' => literal(&text.replace("\\'", "'")),
        _ => fill(&unescaped(text), source),
    })
}

/// Replaces the escape sequences of double quotes. `\$` becomes `$$`, which becomes one dollar sign when
/// variables are filled in.
fn unescaped(text: &str) -> String {
    quote::unescaped(text, |c| match c {
        'n' => Some("\n"),
        'r' => Some("\r"),
        't' => Some("\t"),
        '$' => Some("$$"),
        '"' => Some("\""),
        '\\' => Some("\\"),
        _ => None,
    })
}
