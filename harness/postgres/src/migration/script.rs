//! An SQL file as psql reads it: statements with their lines, and rows of `copy … from stdin`.
//!
//! The rules for the end of a statement are those of psql's own scanner: a semicolon outside of
//! quotes, comments, parentheses and the `begin atomic … end` bodies of functions.

use std::iter::Peekable;
use std::str::CharIndices;

use super::section::{self, Section};

/// An SQL file, split into statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    /// The SQL that is run. Lines of the down migration are blanked, to keep the line numbers.
    pub(crate) text: String,
    pub(crate) statements: Vec<Statement>,
    /// Whether the file asks to run outside of a transaction.
    pub(crate) no_transaction: bool,
    /// Whether the file has a marker such as `-- +goose Up`, which neither sqlx nor golang-migrate uses.
    pub(crate) has_sections: bool,
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    /// The line of the file on which the statement begins, from 1.
    pub(crate) line: usize,
    pub(crate) sql: String,
    /// The rows that follow `copy … from stdin`; `None` for any other statement.
    pub(crate) rows: Option<String>,
}

/// A line of a file that can't be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub(crate) struct ScriptError {
    pub(crate) line: usize,
    pub(crate) reason: String,
}

/// psql commands that change nothing in the database. `pg_dump` writes the first two.
const HARMLESS: [&str; 6] = ["restrict", "unrestrict", "echo", "timing", "pset", "qecho"];

impl Script {
    /// Reads the bytes of a file: UTF-8, with or without a byte order mark.
    ///
    /// # Errors
    /// If the file is not UTF-8 or has a NUL byte, or if it contains a psql command other than those in
    /// [`HARMLESS`] and `\set ON_ERROR_STOP`.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ScriptError> {
        let text = decode(bytes)?;
        let Section { text, no_transaction, is_marked } = section::applied(text);
        let statements = Scanner::new(&text).statements()?;
        Ok(Self { text, statements, no_transaction, has_sections: is_marked })
    }
}

/// Returns the text of a file without its byte order mark.
fn decode(bytes: &[u8]) -> Result<&str, ScriptError> {
    let error = |line, reason: &str| ScriptError { line, reason: reason.to_owned() };
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(error(1, "the file is UTF-16; save it as UTF-8"));
    }
    let line_at = |offset: usize| bytes[..offset].split(|byte| *byte == b'\n').count();
    if let Some(offset) = bytes.iter().position(|byte| *byte == 0) {
        return Err(error(line_at(offset), "the file has a NUL byte; save it as UTF-8 text"));
    }
    let text = std::str::from_utf8(bytes).map_err(|invalid| {
        let line = line_at(invalid.valid_up_to());
        error(line, "the file is not valid UTF-8; save it as UTF-8")
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Scans an SQL file once, from start to end.
struct Scanner<'a> {
    text: &'a str,
    chars: Peekable<CharIndices<'a>>,
    line: usize,
}

/// What the scanner knows about the statement that it reads.
#[derive(Debug, Default)]
struct Progress {
    /// Offset and line of the first character that is neither space nor comment.
    start: Option<(usize, usize)>,
    parentheses: usize,
    /// Nesting depth of `begin … end` and `case … end` in the body of a function.
    bodies: usize,
    /// The first words, in lower case: enough to recognise `create or replace function`.
    words: Vec<String>,
}

impl Progress {
    /// Adds an unquoted word: updates the nesting depth and the first words.
    fn add_word(&mut self, word: &str) {
        let word = word.to_lowercase();
        if self.parentheses == 0 && self.creates_function() {
            match word.as_str() {
                "begin" => self.bodies += 1,
                "case" if self.bodies > 0 => self.bodies += 1,
                "end" => self.bodies = self.bodies.saturating_sub(1),
                _ => {}
            }
        }
        if self.words.len() < 4 {
            self.words.push(word);
        }
    }

    fn creates_function(&self) -> bool {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        matches!(
            words.as_slice(),
            ["create", "function" | "procedure", ..]
                | ["create", "or", "replace", "function" | "procedure"]
        )
    }
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, chars: text.char_indices().peekable(), line: 1 }
    }

    fn statements(mut self) -> Result<Vec<Statement>, ScriptError> {
        let mut statements = Vec::new();
        while let Some(statement) = self.statement()? {
            statements.push(statement);
        }
        Ok(statements)
    }

    /// Returns the next statement; `None` at the end of the text.
    fn statement(&mut self) -> Result<Option<Statement>, ScriptError> {
        let mut progress = Progress::default();
        loop {
            let line = self.line;
            let Some((offset, character)) = self.next() else {
                return Ok(progress.start.map(|start| self.complete(start, self.text.len())));
            };
            if character.is_whitespace() || self.skip_comment(character) {
                continue;
            }
            if character == '\\' {
                self.psql_command(line)?;
                continue;
            }
            let is_end = character == ';' && progress.parentheses == 0 && progress.bodies == 0;
            match progress.start {
                // A semicolon without a statement.
                None if is_end => continue,
                None => progress.start = Some((offset, line)),
                Some(start) if is_end => return Ok(Some(self.complete(start, offset))),
                Some(_) => {}
            }
            self.read_token(offset, character, &mut progress);
        }
    }

    /// Returns the statement between two offsets, and reads the rows after `copy … from stdin`.
    fn complete(&mut self, (start, line): (usize, usize), end: usize) -> Statement {
        let sql = self.text[start..end].trim_end().to_owned();
        let rows = reads_stdin(&sql).then(|| self.rows());
        Statement { line, sql, rows }
    }

    /// Reads the rest of the token that begins with `character`.
    fn read_token(&mut self, offset: usize, character: char, progress: &mut Progress) {
        match character {
            '\'' => self.quoted('\'', false),
            '"' => self.quoted('"', false),
            '$' => self.dollar_quoted(offset),
            '(' => progress.parentheses += 1,
            ')' => progress.parentheses = progress.parentheses.saturating_sub(1),
            _ if is_word(character) => {
                let word = self.rest_of_word(offset);
                if word.eq_ignore_ascii_case("e") && self.peek() == Some('\'') {
                    self.next();
                    self.quoted('\'', true);
                } else {
                    progress.add_word(word);
                }
            }
            _ => {}
        }
    }

    fn next(&mut self) -> Option<(usize, char)> {
        let next = self.chars.next();
        if matches!(next, Some((_, '\n'))) {
            self.line += 1;
        }
        next
    }

    fn peek(&mut self) -> Option<char> {
        self.chars.peek().map(|(_, character)| *character)
    }

    /// Skips a comment that begins with `character`; `false` if none begins there.
    fn skip_comment(&mut self, character: char) -> bool {
        match (character, self.peek()) {
            ('-', Some('-')) => {
                while self.peek().is_some_and(|character| character != '\n') {
                    self.next();
                }
                true
            }
            ('/', Some('*')) => {
                self.next();
                let mut depth = 1;
                while depth > 0 {
                    let Some((_, character)) = self.next() else { break };
                    match (character, self.peek()) {
                        ('*', Some('/')) => depth -= 1,
                        ('/', Some('*')) => depth += 1,
                        _ => continue,
                    }
                    self.next();
                }
                true
            }
            _ => false,
        }
    }

    /// Skips to the end of a quoted string. A doubled quote is a part of the string.
    fn quoted(&mut self, quote: char, has_escapes: bool) {
        while let Some((_, character)) = self.next() {
            if character == '\\' && has_escapes {
                self.next();
            } else if character == quote {
                if self.peek() != Some(quote) {
                    return;
                }
                self.next();
            }
        }
    }

    /// Skips `$tag$ … $tag$`. A `$` that begins no such quote, as in `$1`, is an ordinary character.
    fn dollar_quoted(&mut self, offset: usize) {
        let rest = &self.text[offset + 1..];
        let tag = rest.find(|character| !is_word(character) || character == '$').unwrap_or(0);
        let is_quote =
            rest[tag..].starts_with('$') && !rest.starts_with(|c: char| c.is_ascii_digit());
        if !is_quote {
            return;
        }
        let quote = &self.text[offset..offset + tag + 2];
        let body = offset + quote.len();
        let end =
            self.text[body..].find(quote).map_or(self.text.len(), |at| body + at + quote.len());
        self.skip_to(end);
    }

    fn skip_to(&mut self, end: usize) {
        while self.chars.peek().is_some_and(|(offset, _)| *offset < end) {
            self.next();
        }
    }

    /// Returns the word that begins at `offset`.
    fn rest_of_word(&mut self, offset: usize) -> &'a str {
        while self.peek().is_some_and(|character| is_word(character) || character == '$') {
            self.next();
        }
        let end = self.chars.peek().map_or(self.text.len(), |(offset, _)| *offset);
        &self.text[offset..end]
    }

    /// Reads the rest of the line of a psql command. Returns an error unless the command is harmless.
    fn psql_command(&mut self, line: usize) -> Result<(), ScriptError> {
        let start = self.chars.peek().map_or(self.text.len(), |(offset, _)| *offset);
        let rest = self.text[start..].lines().next().unwrap_or_default();
        self.skip_to(start + rest.len());
        let word = rest.split_whitespace().next().unwrap_or_default();
        let is_harmless = HARMLESS.contains(&word) || rest.starts_with("set ON_ERROR_STOP");
        if is_harmless {
            return Ok(());
        }
        let word: String = word.chars().take(40).collect();
        let reason = format!("`\\{word}` is a psql command, not SQL; remove it or use SQL");
        Err(ScriptError { line, reason })
    }

    /// Reads rows up to `\.`, beginning on the next line.
    fn rows(&mut self) -> String {
        let start = self.chars.peek().map_or(self.text.len(), |(offset, _)| *offset);
        let first = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at + 1);
        let mut end = first;
        for line in self.text[first..].split_inclusive('\n') {
            if line.trim_end() == "\\." {
                let rows = self.text[first..end].to_owned();
                self.skip_to(end + line.len());
                return rows;
            }
            end += line.len();
        }
        self.skip_to(end);
        self.text[first..end].to_owned()
    }
}

/// Returns whether a character can be a part of a name or keyword.
fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || !character.is_ascii()
}

/// Returns whether a statement is `copy … from stdin`.
fn reads_stdin(sql: &str) -> bool {
    let words: Vec<String> = sql.split_whitespace().map(str::to_lowercase).collect();
    words.first().is_some_and(|word| word == "copy")
        && words.windows(2).any(|pair| pair[0] == "from" && pair[1].starts_with("stdin"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn statements(text: &str) -> Vec<(usize, String)> {
        let script = Script::parse(text.as_bytes()).unwrap();
        script.statements.into_iter().map(|one| (one.line, one.sql)).collect()
    }

    #[rstest]
    #[case::semicolons_in_quotes("select ';', \"a;b\", 'it''s;';\nselect 2", 2)]
    #[case::escapes("select E'\\';', e'\\\\'; select 'a\\'; select 3", 3)]
    #[case::dollars("select $$;$$, $a$;$$;$a$, $1; select 2", 2)]
    #[case::dollar_in_a_name("select a$b$ ; select b$c; select 3", 3)]
    #[case::comments("-- a;\n/* b; /* c; */ d; */ select 1; -- e;", 1)]
    #[case::rule("create rule r as on insert to t do also (select 1; select 2); select 3", 2)]
    #[case::atomic(
        "create or replace function f() returns int begin atomic select 1; \
         select case when true then 1 end; end; select 2",
        2
    )]
    #[case::transaction("begin; select 1; end; commit", 4)]
    #[case::a_column_named_end("create table t (\"end\" int, begin_ int); select 1", 2)]
    #[case::nothing("-- only a comment\n;;\n", 0)]
    #[case::unterminated_quote("select 'a; b", 1)]
    fn statements_end_where_psql_ends_them(#[case] text: &str, #[case] expected: usize) {
        let found = statements(text);
        assert_eq!(found.len(), expected, "{found:#?}");
    }

    #[test]
    fn a_statement_has_the_line_of_its_first_word() {
        let text = "-- one\n\nselect 1;\n/* a\nb */ select\n2;\n";
        let expected = [(3, "select 1".to_owned()), (5, "select\n2".to_owned())];
        assert_eq!(statements(text), expected);
    }

    #[test]
    fn rows_follow_copy_from_stdin() {
        let text = "COPY public.a (b) FROM stdin;\n1;'\n\\N\n\\.\n\nselect 1;\n";
        let script = Script::parse(text.as_bytes()).unwrap();
        assert_eq!(script.statements.len(), 2);
        assert_eq!(script.statements[0].rows.as_deref(), Some("1;'\n\\N\n"));
        assert_eq!(script.statements[1].line, 6);
        assert_eq!(script.statements[1].rows, None);
    }

    #[rstest]
    #[case::byte_order_mark(b"\xef\xbb\xbfselect 1".as_slice(), None)]
    #[case::utf_16(b"\xff\xfes\0".as_slice(), Some("line 1: the file is UTF-16"))]
    #[case::latin_1(b"select 1;\n-- caf\xe9".as_slice(), Some("line 2: the file is not valid UTF-8"))]
    #[case::nul_byte(b"select 1;\n\0".as_slice(), Some("line 2: the file has a NUL byte"))]
    #[case::psql(b"select 1;\n\\connect app\n".as_slice(), Some("line 2: `\\connect` is a psql command"))]
    #[case::dump(b"\\restrict abc\nselect 1;\n\\unrestrict abc\n".as_slice(), None)]
    fn the_error_for_a_file_that_is_not_sql_names_the_line(
        #[case] bytes: &[u8],
        #[case] expected: Option<&str>,
    ) {
        match (Script::parse(bytes), expected) {
            (Ok(script), None) => assert_eq!(script.statements[0].sql, "select 1"),
            (Err(error), Some(start)) => assert!(error.to_string().starts_with(start), "{error}"),
            (found, _) => panic!("expected {expected:?}, found {found:?}"),
        }
    }
}
