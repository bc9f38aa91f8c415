//! Interpolation of variables in Compose files: `$NAME`, `${NAME}`, `${NAME:-default}` and similar
//! expressions.
//!
//! Source: <https://docs.docker.com/reference/compose-file/interpolation/>.

use super::command::name_length;
use super::variable::{Reason, Step, Value};

/// Maximum nesting depth of variables in defaults.
const MAX_DEPTH: usize = 20;

/// What is known about a variable that a string refers to.
#[derive(Debug, Clone)]
pub(crate) enum Lookup {
    /// Its value, and the step that supplied it.
    Found(String, Option<Step>),
    /// Its value in an earlier file. The lines of the current file override it.
    Earlier(String),
    /// No file that was read sets it. `None` if all files were read: only the shell that deploys could set
    /// it, and is assumed not to, so a default applies. `Some` says why another source may set it.
    Missing(Option<Reason>),
    /// A file sets it, but its value can't be computed.
    Unknown(Reason),
}

/// A function that looks up a variable.
pub(crate) type Source<'a> = &'a dyn Fn(&str) -> Lookup;

/// A string with its variables filled in.
#[derive(Debug, Clone)]
pub(crate) struct Filled {
    pub(crate) value: Value,
    /// The lines that supplied parts of the value.
    pub(crate) steps: Vec<Step>,
}

/// Fills in the variables of a string.
pub(crate) fn fill(text: &str, source: Source<'_>) -> Filled {
    let mut steps = Vec::new();
    let value = match fill_at_depth(text, source, &mut steps, 0) {
        Ok(text) => Value::Literal(text),
        Err(value) => value,
    };
    Filled { value, steps }
}

/// Fills in the variables of a string, which is a default at this nesting depth.
fn fill_at_depth(
    text: &str,
    source: Source<'_>,
    steps: &mut Vec<Step>,
    depth: usize,
) -> Result<String, Value> {
    if depth > MAX_DEPTH {
        let why = format!("its defaults are nested more than {MAX_DEPTH} deep");
        return Err(Value::Unknown(Reason::new(why, "`docker compose config` shows the value")));
    }
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        result.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(next) = after.strip_prefix('$') {
            result.push('$');
            rest = next;
        } else if let Some(inside) = after.strip_prefix('{') {
            let end = closing_brace(inside).ok_or_else(|| invalid(text))?;
            let end_of_name = name_length(inside);
            if end_of_name == 0 || end_of_name > end {
                return Err(invalid(text));
            }
            let (name, operation) = inside[..end].split_at(end_of_name);
            result.push_str(&evaluate((name, operation), source, steps, depth)?);
            rest = &inside[end + 1..];
        } else {
            let end = name_length(after);
            if end == 0 {
                return Err(invalid(text));
            }
            result.push_str(&evaluate((&after[..end], ""), source, steps, depth)?);
            rest = &after[end..];
        }
    }
    Ok(result + rest)
}

fn invalid(text: &str) -> Value {
    let why = format!("compose refuses `{text}`: after `$` it expects a name, `{{` or `$`");
    Value::Refused(Reason::new(why, "write `$$` for a dollar sign"))
}

/// Returns the offset of the brace that closes an expression; `None` if there is none.
fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' if text[..at].ends_with('$') => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Evaluates `${NAME}` with the operation after the name.
fn evaluate(
    (name, operation): (&str, &str),
    source: Source<'_>,
    steps: &mut Vec<Step>,
    depth: usize,
) -> Result<String, Value> {
    let found = match source(name) {
        Lookup::Found(text, step) => {
            steps.extend(step);
            Ok(text)
        }
        Lookup::Earlier(text) => Ok(text),
        Lookup::Missing(reason) => Err(reason),
        Lookup::Unknown(reason) => return Err(Value::Unknown(reason)),
    };
    let (colon, sign, rest) =
        operator(operation).ok_or_else(|| invalid(&format!("${{{name}{operation}}}")))?;
    let is_set = found.as_ref().is_ok_and(|text| !colon || !text.is_empty());
    let passed_on = |extra: &str| {
        let why = format!("it is filled in from `{name}` of the shell that deploys{extra}");
        Value::Elsewhere(Reason::new(why, resolve(name)))
    };
    match (sign, found) {
        ('-', Ok(text)) if is_set => Ok(text),
        ('-', Err(Some(reason))) => {
            let why = format!(
                "it is filled in at deployment: the default `{rest}`, unless {}",
                reason.why
            );
            Err(Value::Unknown(Reason::new(why, reason.resolve)))
        }
        ('-', _) => fill_at_depth(rest, source, steps, depth + 1),
        ('+', Ok(_)) if is_set => fill_at_depth(rest, source, steps, depth + 1),
        ('+', Ok(_)) => Ok(String::new()),
        ('+', Err(_)) => Err(passed_on("")),
        ('?', Ok(text)) if is_set => Ok(text),
        ('?', Ok(_)) => {
            let why = format!("compose refuses to start, because `{name}` is empty: {rest}");
            Err(Value::Refused(Reason::new(why, format!("set `{name}`"))))
        }
        ('?', Err(_)) => Err(passed_on(", and compose refuses to start without it")),
        (_, Ok(text)) => Ok(text),
        (_, Err(_)) => Err(passed_on("; empty if that shell does not have it")),
    }
}

/// Splits an operation such as `:-default` into whether it has a colon, its sign, and the rest. The
/// sign of an empty operation is a space.
fn operator(operation: &str) -> Option<(bool, char, &str)> {
    if operation.is_empty() {
        return Some((false, ' ', ""));
    }
    let after = operation.strip_prefix(':');
    let (colon, text) = (after.is_some(), after.unwrap_or(operation));
    let sign = text.chars().next().filter(|sign| "-+?".contains(*sign))?;
    Some((colon, sign, &text[1..]))
}

/// Returns how the user can get the value of a variable from the shell that deploys.
pub(crate) fn resolve(name: &str) -> String {
    format!("`docker compose config` in that shell shows it; or set `{name}` in `.env`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> String {
        let source = |name: &str| match name {
            "A" => Lookup::Found("a".into(), None),
            "EMPTY" => Lookup::Found(String::new(), None),
            "OPEN" => Lookup::Missing(Some(Reason::new("the shell sets `OPEN`", ""))),
            _ => Lookup::Missing(None),
        };
        match fill(text, &source).value {
            Value::Literal(text) => text,
            Value::Elsewhere(_) => "<shell>".into(),
            Value::Refused(_) => "<refused>".into(),
            _ => "<unknown>".into(),
        }
    }

    #[test]
    fn the_nesting_of_defaults_is_limited() {
        let nested = |depth| format!("{}x{}", "${NO:-".repeat(depth), "}".repeat(depth));
        assert_eq!(value(&nested(MAX_DEPTH)), "x");
        assert_eq!(value(&nested(5000)), "<unknown>");
    }

    #[test]
    fn operations_give_the_results_of_compose() {
        for (text, expected) in [
            ("x$A-${A}y", "xa-ay"),
            ("$$A", "$A"),
            ("${NO:-d${A}}", "da"),
            ("${NO:-${NO2:-z}}", "z"),
            ("${EMPTY:-d}", "d"),
            ("${EMPTY-d}", ""),
            ("${A:+alt}", "alt"),
            ("${EMPTY:+alt}", ""),
            ("${EMPTY+alt}", "alt"),
            ("${A:?e}", "a"),
            ("${EMPTY:?e}", "<refused>"),
            ("${NO:?e}", "<shell>"),
            ("${NO}", "<shell>"),
            ("$NO", "<shell>"),
            ("${OPEN:-d}", "<unknown>"),
            ("a$", "<refused>"),
            ("${A", "<refused>"),
            ("$1", "<refused>"),
            ("plain", "plain"),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }
}
