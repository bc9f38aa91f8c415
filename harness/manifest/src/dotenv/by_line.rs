//! Readers that parse each line on its own.

use super::assignment::{Assignment, Parsed};

/// Reads as `docker run --env-file` does: the value is everything after `=`, with quotes and comments.
/// Source: <https://docs.docker.com/reference/cli/docker/container/run/#env>, docker/cli#3630.
pub(super) fn docker(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) =
            line.split_once('=').map_or((line, None), |(name, value)| (name, Some(value)));
        if name.is_empty() || name.contains(char::is_whitespace) {
            let why =
                if name.is_empty() { "the name is empty" } else { "the name contains a space" };
            parsed.error.get_or_insert((number, why.to_owned()));
            continue;
        }
        match value {
            Some(value) => parsed.assignments.push(Assignment::literal(name, value, number)),
            None => parsed.passed_on.push((name.to_owned(), number)),
        }
    }
    parsed
}

/// Reads as foreman does: a line is a name of letters, digits and `_`, then `=`. A quoted value loses
/// its quotes; any other value stays unchanged. Source: `lib/foreman/env.rb` of ddollar/foreman.
pub(super) fn foreman(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    for (number, line) in (1..).zip(text.lines()) {
        let pair = line.split_once('=').filter(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        });
        let Some((name, value)) = pair else {
            if !line.trim().is_empty() && !line.trim_start().starts_with('#') {
                parsed.ignored.push((
                    number,
                    "its name has characters other than letters, digits and `_`".into(),
                ));
            }
            continue;
        };
        let inside =
            |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        let value = match (inside('\''), inside('"')) {
            (Some(text), _) => text.to_owned(),
            (_, Some(text)) => unescaped(text),
            _ => value.to_owned(),
        };
        parsed.assignments.push(Assignment::literal(name, &value, number));
    }
    parsed
}

/// Replaces `\n` with a line break, and removes the backslash before any other character.
fn unescaped(text: &str) -> String {
    let mut result = String::new();
    let text = text.replace("\\n", "\n");
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if c != '\\' || characters.peek().is_none_or(|next| *next == '\n') {
            result.push(c);
        } else if let Some(next) = characters.next() {
            result.push(next);
        }
    }
    result
}
