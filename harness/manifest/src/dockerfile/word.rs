//! Words of a Dockerfile: quotes, escapes and variables.

use crate::command::name_length;
use crate::variable::{Reason, Value};

/// Maximum nesting depth of variables in defaults.
const MAX_DEPTH: usize = 20;

/// Splits a string at unquoted blanks. Returns the words with their quotes and escapes, and their offsets.
pub(super) fn split(text: &str, escape: char) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut start = None;
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if c.is_whitespace() && quote.is_none() && !escaped {
            words.extend(start.take().map(|start: usize| (start, &text[start..at])));
            continue;
        }
        start.get_or_insert(at);
        if escaped {
            escaped = false;
        } else if c == escape && quote != Some('\'') {
            escaped = true;
        } else if quote == Some(c) {
            quote = None;
        } else if quote.is_none() && matches!(c, '"' | '\'') {
            quote = Some(c);
        }
    }
    words.extend(start.map(|start| (start, &text[start..])));
    words
}

/// Removes quotes and escapes, and fills in variables.
pub(super) fn expand(text: &str, escape: char, lookup: &dyn Fn(&str) -> Value) -> Value {
    expand_inside(text, escape, lookup, 0)
}

/// Like [`expand`], in a default at this nesting depth.
fn expand_inside(text: &str, escape: char, lookup: &dyn Fn(&str) -> Value, depth: usize) -> Value {
    let mut result = String::new();
    let mut quote = None;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            _ if quote == Some('\'') => {
                if c == '\'' {
                    quote = None;
                } else {
                    result.push(c);
                }
                after
            }
            '"' | '\'' if quote.is_none() => {
                quote = Some(c);
                after
            }
            '"' if quote == Some('"') => {
                quote = None;
                after
            }
            _ if c == escape => {
                let Some(next) = after.chars().next() else {
                    result.push(c);
                    break;
                };
                if quote.is_some() && next != '"' && next != '$' && next != escape {
                    result.push(c);
                }
                result.push(next);
                &after[next.len_utf8()..]
            }
            '$' => match variable(after, escape, lookup, depth) {
                Ok((value, length)) => {
                    result.push_str(&value);
                    &after[length..]
                }
                Err(value) => return value,
            },
            _ => {
                result.push(c);
                after
            }
        };
    }
    Value::Literal(result)
}

/// Evaluates a variable after its `$`. Returns its value, and the length of the expression.
fn variable(
    text: &str,
    escape: char,
    lookup: &dyn Fn(&str) -> Value,
    depth: usize,
) -> Result<(String, usize), Value> {
    let unknown = |part: &str| {
        let why = format!("the Dockerfile fills in `${part}`, which spanproof does not evaluate");
        Err(Value::Unknown(Reason::new(
            why,
            "`docker inspect IMAGE` shows the variables of the image",
        )))
    };
    let literal = |value: Value| match value {
        Value::Literal(text) => Ok(Some(text)),
        Value::Unset => Ok(None),
        other => Err(other),
    };
    let Some(inside) = text.strip_prefix('{') else {
        let length = name_length(text);
        if length == 0 {
            return Ok(("$".to_owned(), 0));
        }
        return Ok((literal(lookup(&text[..length]))?.unwrap_or_default(), length));
    };
    let Some(end) = closing_brace(inside).filter(|_| depth < MAX_DEPTH) else {
        return unknown(text);
    };
    let (name, operation) = inside[..end].split_at(name_length(inside).min(end));
    let length = end + 2;
    let value = lookup(name);
    if let Value::Unknown(reason) = &value
        && let Some(default) = operation.strip_prefix(":-").or(operation.strip_prefix('-'))
    {
        let why = format!("{}; if that is empty, it is `{default}`", reason.why);
        return Err(Value::Unknown(Reason::new(why, &reason.resolve)));
    }
    let value = literal(value)?;
    let other = |text: &str| {
        literal(expand_inside(text, escape, lookup, depth + 1)).map(Option::unwrap_or_default)
    };
    let text = match (operation.strip_prefix(':'), operation) {
        (_, "") => value.unwrap_or_default(),
        (colon, _) => {
            let set = value.filter(|text| colon.is_none() || !text.is_empty());
            let operation = colon.unwrap_or(operation);
            match (operation.strip_prefix('-'), operation.strip_prefix('+'), set) {
                (Some(_), _, Some(text)) => text,
                (Some(default), _, None) => other(default)?,
                (_, Some(alternative), Some(_)) => other(alternative)?,
                (_, Some(_), None) => String::new(),
                _ => return unknown(&text[..length]),
            }
        }
    };
    Ok((text, length))
}

fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 0;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
        None
    })
}
