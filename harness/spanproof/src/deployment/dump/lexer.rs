//! Tracks quotes, comments and the ends of statements while SQL is read line by line.

/// What the next byte is part of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Part {
    /// SQL outside quotes and comments.
    #[default]
    Code,
    /// A string in single quotes. With `escapes`, a backslash escapes the next byte.
    Literal { escapes: bool },
    /// A name in double quotes.
    Name,
    /// A dollar-quoted string, with its tag, such as `$$` or `$_$`.
    Dollars(Vec<u8>),
    /// A comment in `/* … */`, with its nesting depth.
    Comment(u32),
}

/// The state of SQL at the end of what was read.
#[derive(Debug, Clone)]
pub(super) struct Lexer {
    part: Part,
    /// Whether no statement has begun after the last semicolon: only spaces and comments follow it.
    is_between_statements: bool,
    /// Whether a backslash is an escape in strings without `E`, as with `standard_conforming_strings = off`.
    has_escapes: bool,
}

impl Default for Lexer {
    fn default() -> Self {
        Self { part: Part::Code, is_between_statements: true, has_escapes: false }
    }
}

impl Lexer {
    /// Whether the next byte is outside quotes and comments.
    pub(super) fn is_code(&self) -> bool {
        self.part == Part::Code
    }

    /// Whether the last statement has ended, and the next one has not begun.
    pub(super) fn is_between_statements(&self) -> bool {
        self.is_code() && self.is_between_statements
    }

    /// Begins a new statement, even if the previous one has no semicolon.
    pub(super) fn restart(&mut self) {
        (self.part, self.is_between_statements) = (Part::Code, true);
    }

    /// Whether a backslash is an escape in strings without `E`.
    pub(super) fn has_escapes(&self) -> bool {
        self.has_escapes
    }

    /// Sets whether a backslash is an escape in strings without `E`.
    pub(super) fn set_escapes(&mut self, has_escapes: bool) {
        self.has_escapes = has_escapes;
    }

    /// Reads a line, or a part of one.
    pub(super) fn read(&mut self, line: &[u8]) {
        self.read_marks(line, |_, _| {});
    }

    /// Reads SQL. Calls `on_mark` with each bracket, comma and semicolon outside quotes and comments, and
    /// with its offset.
    pub(super) fn read_marks(&mut self, sql: &[u8], mut on_mark: impl FnMut(u8, usize)) {
        let mut at = 0;
        while let Some(rest) = sql.get(at..).filter(|rest| !rest.is_empty()) {
            at += match &mut self.part {
                Part::Code => self.read_code(sql, at, &mut on_mark),
                Part::Literal { escapes } => {
                    let found = if *escapes {
                        memchr::memchr2(b'\'', b'\\', rest)
                    } else {
                        memchr::memchr(b'\'', rest)
                    };
                    match found {
                        None => rest.len(),
                        Some(quote) if rest[quote] == b'\\' => quote + 2,
                        Some(quote) if rest.get(quote + 1) == Some(&b'\'') => quote + 2,
                        Some(quote) => {
                            self.part = Part::Code;
                            quote + 1
                        }
                    }
                }
                Part::Name => match memchr::memchr(b'"', rest) {
                    None => rest.len(),
                    Some(quote) => {
                        self.part = Part::Code;
                        quote + 1
                    }
                },
                Part::Dollars(tag) => match memchr::memmem::find(rest, tag) {
                    None => rest.len(),
                    Some(close) => {
                        let length = close + tag.len();
                        self.part = Part::Code;
                        length
                    }
                },
                Part::Comment(_) => self.read_comment(rest),
            };
        }
    }

    /// Reads code up to and including the next byte that may begin or end a part. Returns the number of
    /// bytes.
    fn read_code(&mut self, sql: &[u8], at: usize, on_mark: &mut impl FnMut(u8, usize)) -> usize {
        let rest = &sql[at..];
        let is_mark = |byte: &u8| {
            matches!(
                byte,
                b'\'' | b'"' | b'$' | b'-' | b'/' | b';' | b'(' | b')' | b'[' | b']' | b','
            )
        };
        let length = rest.iter().position(is_mark);
        let length = length.unwrap_or(rest.len());
        if !rest[..length].trim_ascii().is_empty() {
            self.is_between_statements = false;
        }
        let Some(mark) = rest.get(length).copied() else { return length };
        let (after, at) = (&rest[length + 1..], at + length);
        match mark {
            b'-' if after.starts_with(b"-") => {
                return length + 1 + memchr::memchr(b'\n', after).unwrap_or(after.len());
            }
            b'/' if after.starts_with(b"*") => {
                self.part = Part::Comment(1);
                return length + 2;
            }
            _ => self.is_between_statements = mark == b';',
        }
        match mark {
            b'\'' => {
                let escapes = self.has_escapes || has_escape_prefix(sql, at);
                self.part = Part::Literal { escapes };
            }
            b'"' => self.part = Part::Name,
            b'$' => {
                if let Some(tag) = dollar_tag(sql, at) {
                    self.part = Part::Dollars(tag.to_vec());
                    return length + tag.len();
                }
            }
            b'(' | b')' | b'[' | b']' | b',' | b';' => on_mark(mark, at),
            _ => {}
        }
        length + 1
    }

    /// Reads a comment up to its end, or to the start or end of a nested comment. Returns the number of
    /// bytes.
    fn read_comment(&mut self, rest: &[u8]) -> usize {
        let Part::Comment(depth) = &mut self.part else { return 0 };
        let Some(mark) = memchr::memchr2(b'*', b'/', rest) else { return rest.len() };
        match &rest[mark..] {
            [b'*', b'/', ..] => *depth -= 1,
            [b'/', b'*', ..] => *depth += 1,
            _ => return mark + 1,
        }
        if *depth == 0 {
            self.part = Part::Code;
        }
        mark + 2
    }
}

/// Whether a quote at an offset is the opening quote of `E'…'`.
fn has_escape_prefix(sql: &[u8], at: usize) -> bool {
    let before = &sql[..at];
    matches!(before, [.., b'E' | b'e'])
        && !before[..at - 1].last().is_some_and(|byte| is_name_byte(*byte))
}

/// Returns the tag of the dollar quote that begins at an offset; `None` if the dollar is a part of a name or
/// parameter.
fn dollar_tag(sql: &[u8], at: usize) -> Option<&[u8]> {
    if sql[..at].last().is_some_and(|byte| is_name_byte(*byte)) {
        return None;
    }
    let tag = &sql[at + 1..];
    let length = tag.iter().position(|byte| *byte == b'$' || !is_name_byte(*byte))?;
    let is_tag = tag[length] == b'$' && !tag[0].is_ascii_digit();
    is_tag.then(|| &sql[at..at + length + 2])
}

/// Whether a byte can be part of an unquoted name.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// `open`: the text ends inside a quote or comment. `code`: it ends inside a statement. `between`: it
    /// ends after a statement.
    #[rstest]
    #[case::ended("select 1; -- it's", "between")]
    #[case::not_ended("select 1 -- ;", "code")]
    #[case::comment_first("-- it's\n;", "between")]
    #[case::literal("select 'it''s;", "open")]
    #[case::two_quotes("select 'a'';", "open")]
    #[case::escape("select E'it\\'s';", "between")]
    #[case::escape_at_the_end("select E'a\\\\';", "between")]
    #[case::no_escape("select 'a\\';", "between")]
    #[case::name_with_e("select name'a\\';", "between")]
    #[case::name("select \"it's $$\";", "between")]
    #[case::dollars("select $a$ it's $$ ;\n$a$;", "between")]
    #[case::tag_is_open("select $a$ $b$;", "open")]
    #[case::no_tag("select a$b$, $1, 5$;", "between")]
    #[case::comment("/* a /* b */ ' */ select 1;", "between")]
    #[case::comment_is_open("select /* ; */ /* ;", "open")]
    #[case::operators("select 1 - 2 / 3 -> '$$';", "between")]
    fn quotes_and_comments_are_tracked(#[case] sql: &str, #[case] expected: &str) {
        // Reading the SQL in one piece and line by line has the same result.
        for pieces in [vec![sql], sql.split_inclusive('\n').collect()] {
            let mut lexer = Lexer::default();
            for piece in pieces {
                lexer.read(piece.as_bytes());
            }
            let state = match (lexer.is_code(), lexer.is_between_statements()) {
                (false, _) => "open",
                (true, true) => "between",
                (true, false) => "code",
            };
            assert_eq!(state, expected);
        }
    }

    #[test]
    fn a_setting_makes_each_backslash_an_escape() {
        let mut lexer = Lexer::default();
        lexer.set_escapes(true);
        lexer.read(b"select 'it\\'s;");
        assert!(!lexer.is_code());
    }
}
