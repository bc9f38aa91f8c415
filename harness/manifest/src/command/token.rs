//! Splits a shell script into words and operators.

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// Literal text. `quoted` is true if any of it was in quotes.
    Text { text: String, quoted: bool },
    /// The name in `$NAME`, or the text between the braces of `${…}`.
    Variable(String),
}

/// A word or an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    Word(Vec<Part>),
    /// `;`, `&&`, `||`, `|` or `&`. A line break becomes `;`.
    Operator(&'static str),
}

const OPERATORS: [&str; 6] = ["&&", "||", ";", "|", "&", "\n"];

/// Splits a script into tokens. `None` if it has constructs that are not supported: command
/// substitutions, groups, here-documents or unterminated quotes.
pub(crate) fn tokens(script: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = script;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r']);
        if let Some(after) = rest.strip_prefix("\\\n") {
            rest = after;
            continue;
        }
        let Some(first) = rest.chars().next() else { return Some(tokens) };
        if first == '#' {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if let Some(target) = redirection(rest) {
            if target.starts_with('<') {
                // A here-document.
                return None;
            }
            let target = target.trim_start_matches('&').trim_start_matches([' ', '\t']);
            rest = Word::read(target)?.1;
        } else if let Some(operator) = OPERATORS.iter().find(|one| rest.starts_with(**one)) {
            rest = &rest[operator.len()..];
            tokens.push(Token::Operator(if *operator == "\n" { ";" } else { operator }));
        } else if "(){}`".contains(first) {
            return None;
        } else {
            let (parts, after) = Word::read(rest)?;
            tokens.push(Token::Word(parts));
            rest = after;
        }
    }
}

/// Returns the text after a redirection such as `2>`. `None` if the text does not start with one.
fn redirection(text: &str) -> Option<&str> {
    let after = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let after = after.strip_prefix('&').filter(|rest| rest.starts_with('>')).unwrap_or(after);
    [">>", ">|", ">", "<"].iter().find_map(|sign| after.strip_prefix(sign))
}

/// The parts of a word that have been read.
#[derive(Default)]
struct Word(Vec<Part>);

impl Word {
    /// Reads a word. Returns its parts and the rest of the text; `None` if a construct is not supported.
    fn read(text: &str) -> Option<(Vec<Part>, &str)> {
        let mut word = Self::default();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let after = &rest[c.len_utf8()..];
            rest = match c {
                ' ' | '\t' | '\n' | '\r' | ';' | '&' | '|' | '<' | '>' | '(' | ')' => break,
                '`' => return None,
                '\'' => {
                    let (inside, after) = after.split_once('\'')?;
                    word.add(inside, true);
                    after
                }
                '"' => word.double_quoted(after)?,
                '$' => word.variable(after)?,
                '\\' => {
                    let escaped = after.chars().next()?;
                    if escaped != '\n' {
                        word.add(escaped.encode_utf8(&mut [0; 4]), true);
                    }
                    &after[escaped.len_utf8()..]
                }
                _ => {
                    word.add(c.encode_utf8(&mut [0; 4]), false);
                    after
                }
            };
        }
        Some((word.0, rest))
    }

    fn add(&mut self, text: &str, quoted: bool) {
        if let Some(Part::Text { text: before, quoted: was }) = self.0.last_mut() {
            before.push_str(text);
            *was |= quoted;
        } else {
            self.0.push(Part::Text { text: text.to_owned(), quoted });
        }
    }

    /// Reads up to the closing quote. Returns the rest of the text.
    fn double_quoted<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        self.add("", true);
        let mut rest = text;
        loop {
            let c = rest.chars().next()?;
            let after = &rest[c.len_utf8()..];
            rest = match c {
                '"' => return Some(after),
                '`' => return None,
                '$' => self.variable(after)?,
                '\\' => {
                    let escaped = after.chars().next()?;
                    if !"$`\"\\\n".contains(escaped) {
                        self.add("\\", true);
                    }
                    if escaped != '\n' {
                        self.add(escaped.encode_utf8(&mut [0; 4]), true);
                    }
                    &after[escaped.len_utf8()..]
                }
                _ => {
                    self.add(c.encode_utf8(&mut [0; 4]), true);
                    after
                }
            };
        }
    }

    /// Reads a variable after its `$`. Returns the rest of the text.
    fn variable<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        if text.starts_with(['(', '\'']) {
            return None;
        }
        if let Some(inside) = text.strip_prefix('{') {
            let (name, after) = inside.split_once('}')?;
            if name.contains(['$', '`', '"', '\'']) {
                return None;
            }
            self.0.push(Part::Variable(name.to_owned()));
            return Some(after);
        }
        let special = text.starts_with(|c: char| "@*#?-$!".contains(c) || c.is_ascii_digit());
        let end = if special { 1 } else { name_length(text) };
        if end == 0 {
            self.add("$", true);
        } else {
            self.0.push(Part::Variable(text[..end].to_owned()));
        }
        Some(&text[end..])
    }
}

/// Returns the length of the variable name at the start of `text`; `0` if there is none.
pub(crate) fn name_length(text: &str) -> usize {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// Splits a command line into words by the quoting rules of a shell, without expanding anything:
/// operators are ordinary words, and variables keep their `$`. `None` if a quote is unterminated.
pub(crate) fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' => {
                let inside = word.get_or_insert_default();
                loop {
                    match characters.next()? {
                        '\'' => break,
                        other => inside.push(other),
                    }
                }
            }
            '"' => {
                let inside = word.get_or_insert_default();
                loop {
                    match characters.next()? {
                        '"' => break,
                        '\\' => match characters.next()? {
                            escaped @ ('"' | '\\' | '$' | '`') => inside.push(escaped),
                            '\n' => {}
                            other => inside.extend(['\\', other]),
                        },
                        other => inside.push(other),
                    }
                }
            }
            '\\' => match characters.next()? {
                '\n' => {}
                escaped => word.get_or_insert_default().push(escaped),
            },
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitting_a_command_line_respects_quotes() {
        for (text, expected) in [
            ("sh -c 'A=1 exec x'", &["sh", "-c", "A=1 exec x"][..]),
            ("a \"b \\\" c\"  d\\ e ''", &["a", "b \" c", "d e", ""]),
            ("a\\\n b", &["a", "b"]),
        ] {
            assert_eq!(split(text).unwrap(), expected);
        }
        assert!(split("a 'b").is_none());
    }

    #[test]
    fn unsupported_constructs_have_no_tokens() {
        for script in ["A=$(cat x) y", "A=`x` y", "(a)", "cat <<E", "'a", "x ${A:-\"b\"}"] {
            assert!(tokens(script).is_none(), "{script}");
        }
        let words = tokens("a >/dev/null 2>&1 # b\n c").unwrap();
        assert_eq!(words.len(), 3, "{words:?}");
    }
}
