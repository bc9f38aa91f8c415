//! The syntax of unit files.

use crate::files::without_bom;

/// A `NAME=value` line of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) line: usize,
}

/// Returns the assignments of a section. Joins continuation lines, and skips comments between them.
pub(super) fn section(text: &str, name: &str) -> Vec<Assignment> {
    let mut found = Vec::new();
    let mut inside = false;
    let mut lines = (1..).zip(without_bom(text).lines());
    let is_comment = |line: &str| line.trim_start().starts_with(['#', ';']);
    while let Some((number, first)) = lines.next() {
        let first = first.trim();
        if first.is_empty() || is_comment(first) {
            continue;
        }
        if let Some(section) = first.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = section == name;
            continue;
        }
        let mut text = first.to_owned();
        while let Some(continued) = text.strip_suffix('\\') {
            text = format!("{continued} ");
            match lines.by_ref().find(|(_, line)| !is_comment(line)) {
                Some((_, next)) => text.push_str(next.trim_end()),
                None => break,
            }
        }
        if let Some((name, value)) = text.split_once('=').filter(|_| inside) {
            let (name, value) = (name.trim_end().to_owned(), value.trim().to_owned());
            found.push(Assignment { name, value, line: number });
        }
    }
    found
}

/// Splits a value into words without their quotes. A word with an unterminated quote is ignored.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            _ if quote == Some(c) => quote = None,
            '"' | '\'' if quote.is_none() => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            '\\' => {
                let Some(next) = characters.next() else { break };
                let escaped = escape(next, &mut characters);
                word.get_or_insert_default().push_str(&escaped);
            }
            c if c.is_whitespace() && quote.is_none() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word.filter(|_| quote.is_none()));
    words
}

/// Returns the meaning of an escape sequence: a backslash and `c`.
fn escape(c: char, rest: &mut std::str::Chars<'_>) -> String {
    let code = |digits: &str, base| u32::from_str_radix(digits, base).ok().and_then(char::from_u32);
    match c {
        'n' => "\n".into(),
        't' => "\t".into(),
        'r' => "\r".into(),
        's' => " ".into(),
        '\\' | '"' | '\'' => c.into(),
        'x' => {
            let digits: String = rest.by_ref().take(2).collect();
            code(&digits, 16).map_or(format!("\\x{digits}"), String::from)
        }
        other => format!("\\{other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lose_their_quotes() {
        for (text, expected) in [
            ("A=1 \"B=x y\" 'C=z'", &["A=1", "B=x y", "C=z"][..]),
            ("A=\"x y\" B='1'", &["A=x y", "B=1"]),
            ("A=a\"b c\"d", &["A=ab cd"]),
            ("A=a\\x20b", &["A=a b"]),
            ("A=1 B=\"x", &["A=1"]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn continuation_lines_are_joined() {
        let lines = section("[Unit]\nA=0\n[Service]\nA=1 \\\n# c\n  2\n;A=3\nB = 4\n", "Service");
        let found: Vec<_> =
            lines.iter().map(|line| (line.name.as_str(), line.value.as_str(), line.line)).collect();
        assert_eq!(found, [("A", "1    2", 4), ("B", "4", 8)]);
    }
}
